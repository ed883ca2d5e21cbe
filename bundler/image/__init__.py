"""A bundle becomes a container image."""
