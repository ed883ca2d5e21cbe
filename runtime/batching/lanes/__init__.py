"""Lanes: the queue of a model, in which requests wait for a batch.

By age alone, or where `serve.queue` says so by priority and by the share of each client.
"""
