"""The configuration of a base image, which is untrusted: only checked parts are used."""

from collections.abc import Mapping
from typing import Any

from ...runtime import digest as digests
from ..untrusted import strict_json

_TEXTS = ("StopSignal",)
_MAPPINGS = ("Labels", "ExposedPorts", "Volumes")


def read(data: bytes) -> Mapping[str, Any]:
    """The configuration, whose parts that we pass on have the form that they should.

    Raises:
        ValueError: saying what has not.
    """
    return checked(strict_json.loads(data))


def checked(document: Any) -> Mapping[str, Any]:
    """The configuration `document`, likewise.

    Raises:
        ValueError: saying what has not the form that it should.
    """
    known = _mapping(document, "it")
    for name in ("architecture", "os"):
        _text(known.get(name), name)
    for name in ("variant", "os.version"):
        _text(known.get(name, ""), name)
    layers = _mapping(known.get("rootfs"), "rootfs").get("diff_ids")
    if not isinstance(layers, list) or not all(_is_digest(one) for one in layers):
        raise ValueError("its `diff_ids` are not digests")
    _check_process(_mapping(known.get("config") or {}, "config"))
    history = known.get("history") or []
    if not isinstance(history, list) or not all(isinstance(one, dict) for one in history):
        raise ValueError("its `history` is not a list of steps")
    return known


def _check_process(process: Mapping[str, Any]) -> None:
    for name in _TEXTS:
        _text(process.get(name) or "", name)
    for name in _MAPPINGS:
        _mapping(process.get(name) or {}, name)
    for name, text in (process.get("Labels") or {}).items():
        _text(text, f"label {name[:80]!r}")
    variables = process.get("Env") or []
    if not isinstance(variables, list):
        raise ValueError("its `Env` is not a list")  # noqa: TRY004 - one way to be unusable
    for entry in variables:
        _text(entry, "variable")


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"`{name}` is not an object")  # noqa: TRY004 - one way to be unusable
    return value


def _text(value: Any, name: str) -> None:
    if not isinstance(value, str):
        raise ValueError(f"its {name} is not text")  # noqa: TRY004 - one way to be unusable


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and digests.is_digest(value)
