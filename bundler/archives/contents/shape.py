"""Shape: which JSON a model.json or bundle.json may be, so that no reader meets another type.

The readers themselves trust what this machine wrote; what strangers wrote is held against this
first. Keys that are not named here are left to newer versions.
"""

from collections.abc import Mapping
from typing import Any

from ....runtime.manifests.model_manifest import SECTION
from ...tag import Kind
from ...untrusted.quotation import quoted

Shape = type | tuple[Any, ...] | list[Any] | Mapping[str, Any]
"""A type; a tuple of shapes of which one fits; a list of one shape; `{"*": shape}` for any keys;
else the keys that must be there."""

_MAYBE_TEXT = (str, type(None))
_TEXTS = {"*": str}
_SIDE = {
    "layout": str,
    "fields": [{"name": str, "dtype": str, "shape": [(int, type(None))]}],
}
_FILE = {"path": str, "digest": str, "size": int}

_MODEL: Shape = {
    "schema": int,
    "framework": str,
    "loader": str,
    "format": str,
    "python": _MAYBE_TEXT,
    "packages": _TEXTS,
    "methods": [{"name": str, "inputs": _SIDE, "outputs": _SIDE, "batchable": bool}],
    "files": [_FILE],
    "executes_code": bool,
    "globals": {"*": [str]},
    "options": dict,
    "samples": _TEXTS,
    "labels": _TEXTS,
    "metadata": dict,
}
_BUNDLE: Shape = {
    "schema": int,
    "name": str,
    "version": _MAYBE_TEXT,
    "description": str,
    "labels": _TEXTS,
    "models": [
        {
            "alias": str,
            "name": str,
            "version": str,
            "digest": str,
            "framework": str,
            "executes_code": bool,
        }
    ],
    "service": _MAYBE_TEXT,
    "routes": [{"path": str, "method": str}],
    "files": [_FILE],
    "python": str,
    "lock": _MAYBE_TEXT,
    "hermetic": bool,
    "accelerator": dict,
    "serve": dict,
    "security": dict,
    "image": dict,
    "packer": str,
}
SHAPES: Mapping[Kind, Shape] = {"model": {SECTION: _MODEL}, "bundle": _BUNDLE}


def check(value: Any, shape: Shape, where: str = "it") -> None:
    """Compare a JSON value with its shape.

    Raises:
        ValueError: naming the first place that differs.
    """
    if isinstance(shape, tuple):
        if not any(_is(value, one) for one in shape):
            raise ValueError(f"{where} has another type")
    elif isinstance(shape, list):
        _check_type(value, list, where)
        for one in value:
            check(one, shape[0], f"one of {where}")
    elif isinstance(shape, Mapping):
        _check_type(value, dict, where)
        _check_keys(value, shape, where)
    else:
        _check_type(value, shape, where)


def _check_keys(value: Mapping[str, Any], shape: Mapping[str, Any], where: str) -> None:
    if "*" in shape:
        for one in value.values():
            check(one, shape["*"], f"one of {where}")
        return
    for key, expected in shape.items():
        if key not in value:
            raise ValueError(f"{where} lacks {quoted(key)}")
        check(value[key], expected, quoted(key))


def _check_type(value: Any, kind: type, where: str) -> None:
    if not _is(value, kind):
        raise ValueError(f"{where} has another type")


def _is(value: Any, kind: type) -> bool:
    return type(value) is kind  # true is no number
