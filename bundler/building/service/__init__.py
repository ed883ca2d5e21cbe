"""The author's service class, read from its source.

Its routes, the models it asks for, its docs and the types of its methods. Nothing here imports or
runs a line of it.
"""
