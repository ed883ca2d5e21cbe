"""Immutable files named by the sha256 of their bytes.

How they come in: from files, in batches, or as a delivery that is proved whole before any of it
counts; how they are shown again as directories; and which of them verification has found damaged.
"""
