"""Tags and aliases: one small file each, and writing one is the commit.

What is listed and found by them, and the index that other OCI tools read, which is derived from
them.
"""
