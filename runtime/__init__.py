"""The runtime, which every bundle carries: loads models, batches requests, answers them."""
