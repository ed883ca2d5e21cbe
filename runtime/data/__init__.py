"""Data: request bodies to rows and batches, answers to bodies."""
