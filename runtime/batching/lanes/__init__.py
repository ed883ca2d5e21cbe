"""Lanes: the queue of a model, in which requests wait for a batch.

Ordered by age, or with `serve.queue` by priority and by the share of each client.
"""
