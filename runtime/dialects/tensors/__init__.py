"""Tensors: the words of the Open Inference Protocol, to batches of a model and from its answers.

REST and gRPC read and write them in their own ways, and share what is here.
"""
