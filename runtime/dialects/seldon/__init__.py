"""Seldon: the prediction protocol of Seldon Core v1."""
