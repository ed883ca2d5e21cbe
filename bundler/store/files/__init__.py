"""File operations of the store: atomic, durable, hashed.

Each process has its own workspace in the store, so no locks are needed. This package knows nothing
of blobs and refs.
"""
