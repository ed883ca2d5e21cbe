"""Index refusal: recognizes an index outside of an embedding, and tells the client."""

from collections.abc import Iterator
from typing import Any

from ...errors import InvalidInput

_MESSAGES = (
    "index out of range in self",  # by torch on a CPU, in each language that it has
    "indices element out of data bounds",  # by onnxruntime
)


def refusal(error: Exception, batch: Any) -> InvalidInput | None:
    """What a client is told of `error`, which a model raised for `batch`; None: nothing.

    A model with several inputs of whole numbers does not say which one it looked up.
    """
    if not any(phrase in str(error) for phrase in _MESSAGES):
        return None
    indices = list(_whole_numbers(batch))
    if not indices:
        return None
    least, most = min(low for _, low, _ in indices), max(high for _, _, high in indices)
    where = " or ".join(name for name, _, _ in indices)
    return InvalidInput(
        f"{where}: the model has no entry for one of the numbers from {least} to {most}."
    )


def _whole_numbers(batch: Any) -> Iterator[tuple[str, int, int]]:
    """Each input of whole numbers, with its smallest and largest one."""
    parts = batch.items() if isinstance(batch, dict) else [("", batch)]
    for name, values in parts:
        if getattr(getattr(values, "dtype", None), "kind", "") in "iu" and values.size:
            where = f"instances.{name}" if name else "instances"
            yield where, int(values.min()), int(values.max())
