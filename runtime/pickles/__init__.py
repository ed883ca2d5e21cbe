"""Pickles: analysed without running them, written reproducibly, loaded under a policy."""
