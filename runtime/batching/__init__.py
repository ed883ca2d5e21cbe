"""Many requests, one call: what to put together, when to let it go, whose rows are whose."""
