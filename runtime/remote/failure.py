"""Failure: an exception of a model as JSON, for another process."""

import traceback
from typing import Any

import orjson

from ..batching.execution.executor import WrongLength
from ..batching.execution.out_of_memory import is_out_of_memory
from ..errors import RequestError, raised_elsewhere

_LONGEST = 1 << 13  # characters of a text, so that it always fits into a message


class RemoteError(Exception):
    """An exception in a model process; the traceback there is attached as a note."""


class RemoteMemoryError(MemoryError):
    """The model process had not enough memory for the batch."""


def encode(error: BaseException) -> bytes:
    """An exception as JSON; texts that are too long are cut in the middle."""
    told: dict[str, Any] = {
        "type": type(error).__name__,
        "said": _shortened(_said(error)),
        "trace": _shortened("".join(traceback.format_exception(error))),
        "out_of_memory": is_out_of_memory(error),
    }
    if isinstance(error, RequestError):
        told["status"] = error.status
        told["detail"] = _shortened(error.detail)
        told["retry_after"] = error.retry_after
    return orjson.dumps(told)


def decode(data: bytes | memoryview) -> Exception:
    """The exception to raise for what `encode` wrote."""
    told = orjson.loads(data)
    error = _like(told)
    error.add_note(told["trace"])
    return error


def _like(told: dict[str, Any]) -> Exception:
    if told["out_of_memory"]:
        return RemoteMemoryError(told["said"])
    if "status" in told:
        return raised_elsewhere(told["type"], told["status"], told["detail"], told["retry_after"])
    if told["type"] == WrongLength.__name__:
        return RemoteWrongLength(told["said"])
    return RemoteError(f"{told['type']}: {told['said']}")


class RemoteWrongLength(WrongLength):
    """The output has another number of rows than the input."""

    def __init__(self, said: str) -> None:
        ValueError.__init__(self, said)


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as own:  # noqa: BLE001 - of the model's own making; it is told instead
        return f"(its text cannot be had: {type(own).__name__})"


def _shortened(text: str) -> str:
    text = printable(text)
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]}\n[...]\n{text[-half:]}"


def printable(text: str) -> str:
    """A text without lone surrogates, which JSON cannot hold."""
    return text.encode("utf-8", "replace").decode()
