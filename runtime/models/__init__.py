"""A model in memory: loaded, warmed up, and called."""
