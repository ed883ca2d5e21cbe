"""Tensors: how they stand in messages of the open inference protocol and of TensorFlow."""
