"""Saves a model object or a model file in the store."""
