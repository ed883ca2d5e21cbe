"""What was resolved, package by package and file by file.

`bundle.lock` holds a lock for each accelerator that a bundlefile names. Where the author brought
a lock along, each package is held against what that one pins.
"""
