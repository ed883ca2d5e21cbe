"""The operating system: a process's parent and children, its standard streams and its memory."""
