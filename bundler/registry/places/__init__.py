"""Where models and bundles travel to and come from.

A registry, a directory that several machines share, or a bucket: each keeps blobs by digest and
an index of names, and each is asked in the same way.
"""
