"""Calls a model with a sample, and records its signature and answers."""
