"""Models in processes of their own: batches over shared memory, and crash recovery."""
