"""The processes that serve together: forked, watched and reaped."""
