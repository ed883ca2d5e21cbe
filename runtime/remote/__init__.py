"""A model in another process: rows over shared memory, a doorbell, and what if it dies."""
