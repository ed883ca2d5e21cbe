"""Slabs: shared memory in which batches and their answers pass between two processes."""
