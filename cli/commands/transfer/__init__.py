"""Commands for what leaves the store and comes into it.

As a file or a directory, or by way of a registry.
"""
