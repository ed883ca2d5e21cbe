"""The fast path: predictions read, batched and answered below ASGI, without a task each."""
