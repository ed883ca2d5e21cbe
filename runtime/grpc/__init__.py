"""The gRPC front of a bundle: the same models, queues, limits and numbers as behind HTTP."""
