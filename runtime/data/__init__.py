"""Rows between the wire and a model: bytes, instances, batches, predictions."""
