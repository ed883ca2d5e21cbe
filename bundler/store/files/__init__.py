"""The ways in which the store touches the disk.

Files that are written whole or not at all, made durable one by one or many at once, hashed on
their way, linked or copied to another place. A process has a workspace of its own in the store,
so that nobody needs a lock. None of this knows what a blob or a ref is.
"""
