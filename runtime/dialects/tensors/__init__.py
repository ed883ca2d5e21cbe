"""Tensors of the Open Inference Protocol, converted to batches and from answers.

REST and gRPC read and write them in their own ways, and share what is here.
"""
