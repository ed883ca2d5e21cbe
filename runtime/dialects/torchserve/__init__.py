"""TorchServe's APIs: for inference, and for operators to load, unload and scale models."""
