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
    fields: dict[str, Any] = {
        "type": type(error).__name__,
        "text": _shortened(_text(error)),
        "trace": _shortened("".join(traceback.format_exception(error))),
        "out_of_memory": is_out_of_memory(error),
    }
    if isinstance(error, RequestError):
        fields["status"] = error.status
        fields["detail"] = _shortened(error.detail)
        fields["retry_after"] = error.retry_after
    return orjson.dumps(fields)


def decode(data: bytes | memoryview) -> Exception:
    """The exception to raise for what `encode` wrote."""
    fields = orjson.loads(data)
    error = _like(fields)
    error.add_note(fields["trace"])
    return error


def _like(fields: dict[str, Any]) -> Exception:
    if fields["out_of_memory"]:
        return RemoteMemoryError(fields["text"])
    if "status" in fields:
        return raised_elsewhere(
            fields["type"], fields["status"], fields["detail"], fields["retry_after"]
        )
    if fields["type"] == WrongLength.__name__:
        return RemoteWrongLength(fields["text"])
    return RemoteError(f"{fields['type']}: {fields['text']}")


class RemoteWrongLength(WrongLength):
    """The output has another number of rows than the input."""

    def __init__(self, text: str) -> None:
        ValueError.__init__(self, text)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as own:  # noqa: BLE001 - of the model's own making; it is told instead
        return f"(its text cannot be had: {type(own).__name__})"


def _shortened(text: str) -> str:
    text = without_surrogates(text)
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]}\n[...]\n{text[-half:]}"


def without_surrogates(text: str) -> str:
    """A text without lone surrogates, which JSON cannot hold."""
    return text.encode("utf-8", "replace").decode()
