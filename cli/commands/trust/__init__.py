"""Commands for whether to believe it.

Digests that are compared, signatures, what may run code on this machine, and what a bundle
consists of.
"""
