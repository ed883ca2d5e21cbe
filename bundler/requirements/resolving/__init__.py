"""From requirements to exact packages, with uv.

For a kind of hardware: torch's CPU or CUDA build, and what the packages that were found say of
the GPUs that they need.
"""
