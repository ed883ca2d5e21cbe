"""Read with care: what a stranger may have written.

JSON that has one meaning for every reader, files that are what they look like, and words that may
stand in a message.
"""
