"""Batching: many requests answered by one call of the model."""
