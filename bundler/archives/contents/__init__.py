"""What is in an archive, as it says itself and as it is proved.

The few names that may stand in it, the index that announces a model or a bundle, everything that
belongs to that by digest and size, and signatures that come along. All of it may be a stranger's.
"""
