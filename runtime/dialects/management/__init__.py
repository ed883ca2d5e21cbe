"""TorchServe's management API: loads, unloads and scales models, for operators."""
