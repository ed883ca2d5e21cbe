"""Caller: calls the methods of a torch module."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from ...data.rows import table
from ...errors import InvalidInput
from .. import keras_backend
from ..values import index_refusal
from . import arguments as torch_arguments
from .compile import Compiler
from .floats import Floats
from .lane import DeviceLane

_SIZE = re.compile(r"Guard failed: (\w+)\.size\(\)\[(\d+)\] ((?:<=|>=|==) \d+)$")


class Caller:
    """Calls one module, in evaluation mode and without gradients."""

    def __init__(
        self, model: Any, compiler: Compiler | None = None, device: str | None = None
    ) -> None:
        """Of a module on `device`; None = where its weights are."""
        if device is None:
            weights = (p.device for p in model.parameters() if p.is_floating_point())
            device = next(weights, "cpu")
        self._model = model
        self._compiler = compiler
        self._floats = Floats(model)
        self._make_lane = partial(DeviceLane, device, is_channels_last=is_channels_last(model))
        self._lanes: dict[Any, DeviceLane] = {}
        self._known: dict[str, torch_arguments.How] = {}

    def call(self, method: str, batch: Any) -> Any:
        """The answer of a method as arrays."""
        import torch

        if isinstance(batch, list):  # nobody said what the numbers are
            batch = _as_floats(self._model, table.stack(batch))
        try:
            with torch.inference_mode():
                return self._computed(method, batch)
        except (IndexError, RuntimeError, AssertionError) as error:
            refused = index_refusal.refusal(error, batch) or self._size_refusal(error)
            if refused is None:
                raise
            raise refused from error

    def _size_refusal(self, error: Exception) -> InvalidInput | None:
        """What a client is told where an exported program takes no such size."""
        match = _SIZE.match(str(error)) if is_exported(self._model) else None
        if match is None:
            return None
        name, axis, limit = match.groups()
        axis_of = "rows" if axis == "0" else f"size on axis {axis}"
        return InvalidInput(f"instances: the model takes `{name}` with {axis_of} {limit}.")

    def _computed(self, method: str, batch: Any) -> Any:
        is_known, dtype = self._floats.dtype(method, batch)
        if is_known:
            return self._in(dtype, batch, partial(self._answer, method, self._compiler))
        plainly = partial(self._in, function=partial(self._answer, method, None))
        answer = self._floats.found(method, batch, plainly)
        return answer if self._compiler is None else self._computed(method, batch)

    def _in(self, dtype: Any, batch: Any, function: Callable[[Any], Any]) -> Any:
        if dtype not in self._lanes:
            self._lanes[dtype] = self._make_lane(dtype)
        return self._lanes[dtype].call(function, batch)

    def _answer(self, method: str, compiler: Compiler | None, tensors: Any) -> Any:
        function = self._taking(method)
        is_record = isinstance(tensors, Mapping)
        if compiler is not None:
            function = compiler.compiled(method, function)
            compiler.prepare(list(tensors.values()) if is_record else [tensors])
        if not is_record:
            return function(tensors)
        if is_exported(self._model):
            listed, named = torch_arguments.exported(self._model, tensors)
        else:
            listed, named = torch_arguments.arguments(self._handing(method, tensors), tensors)
        return function(*listed, **named)

    def _handing(self, method: str, tensors: Mapping[str, Any]) -> torch_arguments.How:
        """How the method takes its inputs, which never change."""
        if method not in self._known:
            self._known[method] = torch_arguments.handing(self._taking(method), list(tensors))
        return self._known[method]

    def _taking(self, method: str) -> Any:
        return keras_backend.method(self._model, method) or self._model


def is_channels_last(model: Any) -> bool:
    """Whether the author laid out every convolution's weights with the channels last."""
    import torch

    images = [p for p in model.parameters() if p.ndim == 4 and p.shape[1] * p.shape[2] > 1]  # noqa: PLR2004
    return bool(images) and all(
        image.is_contiguous(memory_format=torch.channels_last) and not image.is_contiguous()
        for image in images
    )


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Evaluation mode for the while, each part's own mode afterwards."""
    # A frozen script has no mode at all.
    training = [part for part in model.modules() if getattr(part, "training", False)]
    if not training or is_exported(model):
        yield
        return
    try:
        model.eval()
        yield
    finally:
        for part in training:
            part.training = True


def is_exported(model: Any) -> bool:
    """Whether it is a program's module, whose mode was settled when it was exported."""
    return "train" in vars(model)  # torch puts a refusal there


def _as_floats(model: Any, batch: Any) -> Any:
    """Whole numbers as floats, except where the model looks them up in an embedding."""
    import torch

    embeddings = (torch.nn.Embedding, torch.nn.EmbeddingBag)
    if getattr(batch, "dtype", None) is None or batch.dtype.kind not in "iu":
        return batch
    if any(isinstance(part, embeddings) for part in model.modules()):
        return batch
    return batch.astype("float32")
