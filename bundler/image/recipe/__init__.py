"""What an image shall be, before anybody makes it.

Pure functions of a bundle's manifest, its lock and its settings: the Containerfile for an engine,
the image's configuration for whoever works without one, and why a bundle needs the one or the
other.
"""
