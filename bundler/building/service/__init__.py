"""Reads the author's service class from its source, without importing it: routes, models, types."""
