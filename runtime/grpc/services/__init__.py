"""Services: a file for each service that gRPC's clients call, and what its methods do.

The open inference protocol, TensorFlow Serving, TorchServe, Seldon, health checking and reflection.
"""
