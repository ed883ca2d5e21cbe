"""What a forked process does, from its beginning to its end."""
