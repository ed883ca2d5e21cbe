"""Models come into a process that serves, and go."""
