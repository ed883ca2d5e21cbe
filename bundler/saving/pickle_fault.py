"""Pickle fault: finds the attribute that makes an object unpicklable."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import Unpicklable

_HINT_DROP = (
    "Drop it before saving and make it again on first use, for example in `__getstate__` and "
    "`__setstate__`."
)
_HINT_PARAMETRIZED = (
    "What is settled after training needs no parametrization: "
    '`torch.nn.utils.parametrize.remove_parametrizations(module, "weight")` leaves the weights as '
    "they are."
)
_DEPTH = 4
_WIDTH = 200  # attributes or items of one object that are tried


def unpicklable(model: Any, error: Exception) -> Unpicklable:
    """The error that names the culprit, found by pickling part after part."""
    path, culprit = _culprit(model, "model", _DEPTH)
    kind = f"{type(culprit).__module__}.{type(culprit).__qualname__}"
    reason = str(error).partition("\n")[0].rstrip(".")
    return Unpicklable(
        f"The model cannot be saved: `{path}` is a `{kind}`, which cannot be pickled ({reason}).",
        hint=_HINT_PARAMETRIZED if hasattr(culprit, "parametrizations") else _HINT_DROP,
    )


def _culprit(value: Any, path: str, depth: int) -> tuple[str, Any]:
    if depth:
        for name, part in _parts(value):
            if not _is_picklable(part):
                return _culprit(part, path + name, depth - 1)
    return path, value


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        named = [(f"[{key!r}]", part) for key, part in value.items()]
    elif isinstance(value, (list, tuple)):
        named = [(f"[{position}]", part) for position, part in enumerate(value)]
    elif inspect.isfunction(value):
        used = inspect.getclosurevars(value)
        named = [(f" -> {n}", part) for n, part in {**used.nonlocals, **used.globals}.items()]
    else:
        named = [(f".{name}", part) for name, part in getattr(value, "__dict__", {}).items()]
    yield from named[:_WIDTH]


def _is_picklable(value: Any) -> bool:
    import cloudpickle

    try:
        cloudpickle.dumps(value)
    except Exception:  # noqa: BLE001  whatever it raises, the answer is no
        return False
    return True
