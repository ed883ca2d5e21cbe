"""Values: conversions that a library's inputs need, and errors about inputs that it rejects.

Each file is about one library, or about what several say alike.
"""
