"""A server that runs while a command does, or in its place."""
