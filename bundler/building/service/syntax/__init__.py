"""The author's Python, read as text: nothing here imports or runs a line of it."""
