"""Floats: in which dtype numbers with a fraction reach a module."""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np


class Floats:
    """The dtype in which one module takes floats, found out at the first call of each method.

    A request has float64 or float32 where the module may want another: its weights say which. Those
    of several dtypes do not, nor may a module that takes float64 itself, to subtract a mean from
    it, be given less. Torch refuses a dtype that does not fit, whatever the numbers are; so the
    first one that is not refused is right.
    """

    def __init__(self, model: Any) -> None:
        found = dict.fromkeys(p.dtype for p in model.parameters() if p.is_floating_point())
        self._dtypes = sorted(found, key=lambda dtype: -dtype.itemsize)
        self._found: dict[tuple[Any, ...], Any] = {}

    def dtype(self, method: str, batch: Any) -> tuple[bool, Any]:
        """Whether it is known for a batch like this one, and it; None leaves floats as they are."""
        candidates = self._candidates(batch)
        if len(candidates) == 1:
            return True, candidates[0]
        key = (method, *candidates)
        return key in self._found, self._found.get(key)

    def found(self, method: str, batch: Any, call: Callable[[Any, Any], Any]) -> Any:
        """The answer of `call(dtype, batch)` in the first dtype that the method takes."""
        *tried, last = candidates = self._candidates(batch)
        key = (method, *candidates)
        for dtype in tried:
            try:
                answer = call(dtype, copy.deepcopy(batch))  # it may change rows before it fails
            except Exception:  # noqa: BLE001, S112  it takes the next one, or fails as well
                continue
            self._found[key] = dtype
            return answer
        answer = call(last, batch)
        self._found[key] = last
        return answer

    def _candidates(self, batch: Any) -> list[Any]:
        """Those to try, in this order: half of a precision is never more than was given."""
        import torch

        is_double = any(map(_is_double, _parts(batch)))
        if not self._dtypes:  # none, or a frozen TorchScript's, which are constants of its code
            return [None, torch.float32] if is_double else [None]
        return [None] * (is_double and self._dtypes[0] == torch.float32) + self._dtypes


def _parts(batch: Any) -> Iterator[Any]:
    yield from batch.values() if isinstance(batch, Mapping) else [batch]


def _is_double(part: Any) -> bool:
    return getattr(part, "dtype", None) == np.float64
