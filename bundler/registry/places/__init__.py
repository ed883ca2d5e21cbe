"""Places: the targets of push and pull: a registry, a shared directory, a bucket."""
