"""Work: decodes large bodies and encodes large answers of dialects in another process.

JSON is parsed and written under the GIL, so that a thread would keep all clients waiting. Each
module that is named here has a function `read_elsewhere`, which decodes a body to a note and a
batch, or `write_elsewhere`, which encodes a model's output as a reply. Both get the catalog of the
other process, in which nothing is loaded, and a `context`: JSON with all else that they need.
"""

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..data.rows import bulk
from ..manifests.signature import Side
from ..models.operation import in_time
from .reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from .catalog import Catalog
    from .served import Served

Json = dict[str, Any]
Found = TypeVar("Found")

LARGE_BODY = 1 << 16  # bytes of JSON; see `remote.decoder`
_OF = "of"  # the key of the model's name, version and method

_MODULES = {
    "v2": "v2.inference.infer",
    "v1": "v1.prediction",
    "bare": "bodies.bare",
    "lines": "bodies.json_lines",
    "pictures": "bodies.pictures",
    "infer": ".grpc.tensors.infer_outputs",
    "infer request": ".grpc.tensors.infer_inputs",
    "predict": ".grpc.tensors.predict_outputs",
    "predict request": ".grpc.tensors.predict_inputs",
    "examples": ".grpc.tensors.example_inputs",
    "seldon message": ".grpc.tensors.seldon_message",
    "seldon request": ".grpc.tensors.seldon_request",
    "seldon": "seldon.dialect",
}


class Reading(NamedTuple):
    """A decoded body: a note as JSON, and a batch of `side`."""

    note: Any
    side: Side
    batch: Any


def reader(work: str) -> "Callable[[Catalog, Json, bytes], Reading]":
    """What reads bodies for a kind of work."""
    found: Callable[[Catalog, Json, bytes], Reading] = _module(work).read_elsewhere
    return found


def writer(work: str) -> "Callable[[Catalog, Json, Any], Reply]":
    """What writes answers for a kind of work."""
    found: Callable[[Catalog, Json, Any], Reply] = _module(work).write_elsewhere
    return found


def _module(work: str) -> Any:
    return import_module(f".{_MODULES[work]}", __package__)


async def read(
    served: "Served",
    deadline: float,
    work: str,
    context: Json,
    body: bytes,
    *,
    is_foreign: bool = False,
) -> tuple[Any, Any] | None:
    """Decode a body; returns its note and batch, or None if it is small or there is no process.

    deadline    on the monotonic clock
    is_foreign  a C library parses it, so that it is not read here even if it is small

    Raises:
        RequestError: from `read_elsewhere`; DeadlineExceeded.
    """
    process = served.offload
    if process is None or not (is_foreign or len(body) >= LARGE_BODY):
        return None
    note = context | {_OF: served.identity}
    reading = process.read(work, note, body, is_foreign=is_foreign)
    return await in_time(reading, deadline, "while the body was read")


def read_here(
    catalog: "Catalog", served: "Served", work: str, context: Json, body: bytes
) -> tuple[Any, Any]:
    """The note and the batch that another process would read; raises RequestError as `read`."""
    reading = reader(work)(catalog, context | {_OF: served.identity}, body)
    return reading.note, reading.batch


async def here(body: bytes, read: "Callable[..., Found]", *arguments: Any) -> Found:
    """What `read` makes of a body that no other process reads; of a large one, in a thread.

    Raises:
        Exception: whatever `read` raises.
    """
    if len(body) < LARGE_BODY:
        return read(*arguments)
    return await asyncio.to_thread(read, *arguments)


async def write(
    served: "Served", deadline: float, work: str, context: Json, output: Any
) -> Reply | None:
    """Encode an output as a reply; None if it is small or there is no process.

    `deadline` is on the monotonic clock.

    Raises:
        RequestError: from `write_elsewhere`; DeadlineExceeded.
    """
    process = served.offload
    if process is None or not bulk.is_large(output):
        return None
    note = context | {_OF: served.identity}
    writing = process.write(work, note, output)
    done = await in_time(writing, deadline, "while the answer was written")
    return None if done is None else _heard(*done)


def of(catalog: "Catalog", context: Json) -> "Served":
    """The model of a note."""
    name, version, method = context[_OF]
    return catalog.find(name, version, method=method)


def head_of(reply: Reply) -> Any:
    """All of a reply but its body, as JSON."""
    named = [[each.decode("latin-1") for each in header] for header in reply.headers]
    return reply.status, reply.content_type, named


def _heard(note: Any, body: bytes) -> Reply:
    status, content_type, named = note
    headers = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in named)
    return Reply(body, status, content_type, headers)
