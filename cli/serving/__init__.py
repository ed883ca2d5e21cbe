"""Runs a server: for the duration of a command, or as the command itself."""
