"""Torch device: checks that torch can use a GPU."""

from ...errors import NoDevice


def check(device: str) -> None:
    """Refuse a GPU that this torch cannot use.

    Raises:
        NoDevice: with the reason, which torch itself tells in many ways.
    """
    import torch

    if device == "cpu" or torch.cuda.is_available():
        return
    if torch.version.cuda is None:
        raise NoDevice(
            f"This torch {torch.__version__} is built for CPUs.",
            hint="Set `accelerator: cuda` in the bundlefile and run `bundle build`, or install a "
            "build for CUDA (https://pytorch.org/get-started/locally).",
        )
    raise NoDevice(
        f"This torch {torch.__version__} is built for CUDA {torch.version.cuda}, and finds no GPU.",
        hint="Compare the driver with it: `nvidia-smi` says which CUDA it runs at most.",
    )
