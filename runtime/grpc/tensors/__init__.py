"""Tensors in messages of the Open Inference Protocol and of TensorFlow."""
