"""The gRPC server of a bundle: the same models, queues, limits and metrics as over HTTP."""
