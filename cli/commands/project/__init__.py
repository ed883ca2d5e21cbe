"""Commands for the author of a project.

The bundlefile, the lock, what a rebuild without a network needs, and the recorded answers asked
for again.
"""
