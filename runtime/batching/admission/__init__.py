"""Admission: which requests may wait for a batch, and which leave without an answer."""
