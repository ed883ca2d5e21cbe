"""Listening sockets, and accept queues from which no connection is lost."""
