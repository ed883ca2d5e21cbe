"""The processes that serve together: forked, heard and reaped."""
