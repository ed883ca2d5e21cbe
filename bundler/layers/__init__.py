"""Image layers whose bytes are the same on every machine."""
