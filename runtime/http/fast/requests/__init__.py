"""A request of the fast path: its head, its turn on the connection, and its answer."""
