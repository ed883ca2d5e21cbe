"""A strict tar reader and a writer: each archive has exactly one encoding."""
