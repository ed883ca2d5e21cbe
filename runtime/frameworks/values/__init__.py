"""Values: what a library has to be told of the values that come, and what it refuses of them.

Each file is about one library, or about what several say alike.
"""
