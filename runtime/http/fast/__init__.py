"""Requests that are read, batched and answered below ASGI, without a task each."""
