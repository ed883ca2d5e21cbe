"""A command a file: what it takes, what it calls, what it says."""
