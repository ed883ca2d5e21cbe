"""The interpreter and the wheels of a lock, unpacked as they lie in the image."""
