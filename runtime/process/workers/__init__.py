"""What each kind of forked process does, from its start to its exit."""
