"""Blobs: immutable files named by the sha256 of their content, and directories of links to them."""
