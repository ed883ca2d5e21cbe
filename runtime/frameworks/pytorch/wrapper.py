"""Wrapper: removes the wrappers that training puts around a module."""

from typing import Any


def within(model: Any) -> Any:
    """The author's module within `torch.compile`, DataParallel and DistributedDataParallel.

    The last cannot be loaded without the other processes of a training.
    """
    import torch

    parallel = (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)
    while True:
        if hasattr(model, "_orig_mod"):
            model = model._orig_mod  # noqa: SLF001  torch has no public word
        elif isinstance(model, parallel):
            model = model.module
        else:
            return model
