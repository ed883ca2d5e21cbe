"""What a project asks for becomes its lock.

Everything that a lock depends on has one digest, which says whether the lock that is there still
fits; else each platform is resolved at once, and it is told why the lock is as it is.
"""
