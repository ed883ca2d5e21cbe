"""Readers of untrusted JSON, files and texts."""
