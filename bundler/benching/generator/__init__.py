"""The load generator: a process that keeps many connections busy on one thread."""
