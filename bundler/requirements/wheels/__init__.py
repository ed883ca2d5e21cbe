"""Wheels: where they are, what they contain, which of them collide; and a directory of them."""
