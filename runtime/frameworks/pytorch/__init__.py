"""PyTorch: what its adapter, `frameworks/torch.py`, is made of.

The adapter itself stays where each `model.json` of a torch model names it.
"""
