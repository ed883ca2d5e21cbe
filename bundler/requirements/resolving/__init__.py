"""Resolves requirements to exact packages, with uv, for a platform and an accelerator."""
