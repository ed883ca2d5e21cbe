"""Pickles: read without running them, written alike each time, loaded as far as a policy allows."""
