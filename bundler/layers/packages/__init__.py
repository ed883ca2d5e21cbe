"""What a bundle is installed from, laid out as it will lie in the image.

The interpreter and the wheels of a lock are unpacked here for the machine of the image, grouped
by what changes together, and compiled once.
"""
