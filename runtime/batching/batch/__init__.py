"""Batch: rows that run in one call of the model, until each request has its answer or error."""
