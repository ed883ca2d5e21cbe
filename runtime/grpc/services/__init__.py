"""Services: one file per gRPC service, with what its methods do.

The open inference protocol, TensorFlow Serving, TorchServe, Seldon, health checking and reflection.
"""
