"""Static analysis of the author's Python; imports and runs none of it."""
