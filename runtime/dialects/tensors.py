"""Tensors: the vocabulary of the Open Inference Protocol, to batches and from answers."""

from .tensor import DTYPES, Tensor, from_raw, to_raw
from .tensor_batch import to_batch
from .tensor_output import Spec, from_output, promised, specs

__all__ = [
    "DTYPES",
    "Spec",
    "Tensor",
    "from_output",
    "from_raw",
    "promised",
    "specs",
    "to_batch",
    "to_raw",
]
