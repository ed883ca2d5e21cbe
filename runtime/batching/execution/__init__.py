"""Execution: the thread in which a model runs, and what its calls cost before the first request."""
