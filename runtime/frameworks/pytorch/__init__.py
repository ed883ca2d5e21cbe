"""PyTorch: the parts of its adapter, `frameworks/torch.py`.

The adapter itself stays where each `model.json` of a torch model names it.
"""
