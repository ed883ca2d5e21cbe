"""The recipe of an image: its Containerfile and its configuration, as pure functions."""
