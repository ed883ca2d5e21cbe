"""Tuned: a model with another precision or compiled, behind its original signature."""

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..data.rows import table
from ..data.samples import Samples
from ..errors import InvalidModel, in_short
from ..manifests.model_manifest import ModelManifest
from ..manifests.signature import Side
from ..manifests.tuning import Tuning
from .size_buckets import SizeBuckets, repeated

log = logging.getLogger(__name__)

_MANY = 2  # rows: from here on, one compiled program answers batches of any size


class Tuned:
    """Calls a tuned model; its answers have the dtypes of the signature."""

    def __init__(self, manifest: ModelManifest, tuning: Tuning) -> None:
        self._methods = manifest.methods
        # CUDA graphs are recorded shape by shape; other code takes any number of rows.
        is_fixed = tuning.compile == "reduce-overhead"
        self._buckets = SizeBuckets(tuning.rows) if is_fixed else None

    def call(self, method: str, function: Callable[[Any], Any], batch: Any) -> Any:
        """What `function` answers for `batch`, as `method` answered when it was saved."""
        signature = self._methods[method]
        if self._buckets is not None and signature.batchable:
            answer = self._buckets.call(function, batch)
        else:
            answer = function(batch)
        return as_signed(signature.outputs, answer)

    def compile(self, directory: Path, samples: Mapping[str, str], call: Any) -> None:
        """Compile the code paths of the recorded samples in `directory`, before the first request.

        Raises:
            InvalidModel: when it cannot be compiled.
        """
        for method, path in samples.items():
            recorded = Samples.read(directory / path)
            if not recorded.inputs:
                continue
            began = time.monotonic()
            name = f"{directory.name}.{method}"  # a directory is named by alias
            log.info("Compiling `%s`, which may take a minute.", name)
            inputs = self._methods[method].inputs
            batch = table.collate(inputs, list(recorded.inputs), nan_as_null=True)
            try:
                for rows in self._sizes(method, table.rows(batch)):
                    call(method, table.slice(repeated(batch, rows), 0, rows))
            except Exception as error:
                raise InvalidModel(
                    f"`{method}` cannot be compiled: {in_short(error)}.",
                    hint="Take `compile` out of the bundlefile, and build again.",
                ) from error
            log.info("Compiled `%s` in %.1f s.", name, time.monotonic() - began)

    def _sizes(self, method: str, rows: int) -> tuple[int, ...]:
        if not self._methods[method].batchable:
            return (rows,)
        return self._buckets.sizes if self._buckets else (1, max(rows, _MANY))


def as_signed(side: Side, answer: Any) -> Any:
    """Convert floats to the dtypes in the signature; all else is unchanged."""
    dtypes = [field.dtype for field in side.fields]
    if isinstance(answer, np.ndarray):
        return _cast(answer, dtypes[0]) if len(dtypes) == 1 else answer
    if isinstance(answer, tuple) and len(answer) == len(dtypes):
        return tuple(map(_cast, answer, dtypes))
    if isinstance(answer, Mapping):
        known = {field.name: field.dtype for field in side.fields}
        return {name: _cast(part, known.get(name, "")) for name, part in answer.items()}
    return answer


def _cast(values: Any, dtype: str) -> Any:
    is_float = isinstance(values, np.ndarray) and values.dtype.kind == "f"
    return values.astype(dtype, copy=False) if is_float and dtype.startswith("float") else values
