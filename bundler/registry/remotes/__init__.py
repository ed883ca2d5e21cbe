"""Remotes: where to push to and pull from: a registry, a shared directory, a bucket."""
