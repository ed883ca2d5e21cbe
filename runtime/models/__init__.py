"""A model in memory: loaded, called with the rows of many requests, warmed up."""
