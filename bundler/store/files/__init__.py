"""File operations of the store: atomic, durable, hashed.

Each process has a workspace of its own in the store, so that no locks are needed. Nothing here
knows what a blob or a ref is.
"""
