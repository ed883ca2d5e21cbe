"""Lanes: requests that wait for a batch, in the order in which their turn comes.

By age alone, or where `serve.queue` says so by priority and by the share of each client.
"""
