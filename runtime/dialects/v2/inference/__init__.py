"""Inference requests of the Open Inference Protocol: decoded, run, and answered."""
