"""The tar of an archive, read and written so that every bit has one meaning.

From a file, all of which is looked at before anything is taken, or from a stream that passes by
once.
"""
