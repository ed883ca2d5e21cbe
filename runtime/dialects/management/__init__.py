"""TorchServe's management API: models come, go and grow, for those who run the server."""
