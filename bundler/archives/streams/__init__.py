"""Where the bytes of an archive go and come from.

A file that is there whole or not at all, an open descriptor, a URL; zstd around them where
somebody asks for it; blobs copied and hashed on their way.
"""
