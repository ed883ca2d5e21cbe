"""Commands for what is in the store.

Bundles and models: listed, shown, compared, deleted; and the bytes that nobody needs any more.
"""
