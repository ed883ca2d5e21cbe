"""The decoder process: decodes large bodies, so that the event loop of the front stays free.

It encodes large answers as well.
`python -m modelbundle.runtime.remote.decoder_process DESCRIPTOR...`, with the codecs on stdin; the
front starts it with its first large body. JSON is parsed with the GIL held, so that a thread would
keep the loop waiting just as long.
"""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import orjson

from ..data.payload import Codec
from ..dialects import work
from ..dialects.catalog import Catalog
from ..manifests.added_model import AddedModel
from ..manifests.settings import ServeSettings
from ..manifests.signature import Field, Side
from ..plan import Plan
from ..system.proc import resident
from .channel import Channel
from .message import Ready
from .model_process import ModelProcess, prepare
from .slabs.inputs import Batches
from .slabs.note import without_note

_ROWS = Side("array", (Field("row", "bytes", (None,)),))
"""A marker for rows of any JSON, which are passed on unparsed."""


class DecoderTasks:
    """Decodes bodies and encodes answers, of the bundle's own routes and of dialects.

    `method` names the task, its route or dialect, and the type of the content.
    """

    def __init__(self, codecs: Mapping[str, Codec], plan: Mapping[str, Any] | None) -> None:
        self._codecs = codecs
        self._plan = plan

    def __call__(self, method: str, content: Any) -> tuple[Any, ...]:
        """Run one task: a side, a batch or bytes, and an optional note."""
        task, name, content_type = method.split("\n", 2)
        return self._does[task](self, name, content_type, content)

    def _decode(self, route: str, content_type: str, body: np.ndarray) -> tuple[Any, ...]:
        codec = self._codecs[route]
        return _plain(codec.inputs, codec.decode(body.tobytes(), content_type))

    def _encode(self, route: str, _: str, content: Any) -> tuple[Any, ...]:
        note, output = content
        payload = self._codecs[route].encode(output, note["accept"])
        return _ROWS, payload.body, payload.content_type

    def _read(self, name: str, _: str, body: np.ndarray) -> tuple[Any, ...]:
        note, side, batch = work.reader(name)(self._catalog, *without_note(body))
        return *_plain(side, batch), (note, side.layout == "objects")

    def _write(self, name: str, _: str, content: Any) -> tuple[Any, ...]:
        reply = work.writer(name)(self._catalog, *content)
        return _ROWS, reply.body, work.head_of(reply)

    @cached_property
    def _catalog(self) -> Catalog:
        assert self._plan is not None, "no dialect is spoken"
        plan = Plan.read(Path(self._plan["directory"]))
        for each in self._plan["added"]:
            plan = plan.with_model(AddedModel.from_json(each))
        settings = ServeSettings.from_json(self._plan["settings"])
        return Catalog.of(replace(plan, settings=settings))

    _does: ClassVar = {"decode": _decode, "encode": _encode, "read": _read, "write": _write}


def _plain(side: Side, batch: Any) -> tuple[Side, Any]:
    """A batch as it can be written to a slab; rows of any JSON are bytes."""
    if side.layout == "objects":
        return _ROWS, np.fromiter(map(orjson.dumps, batch), object, len(batch))
    return side, batch


def encode_tasks(codecs: Mapping[str, Codec], plan: Plan | None) -> bytes:
    """Codecs and catalog entries as JSON, for the decoder process."""
    bundle = None if plan is None else _bundle(plan)
    known = {
        route: (
            codec.inputs.to_json(),
            codec.max_rows,
            codec.nan_as_null,
            None if codec.formats is None else sorted(codec.formats),
            codec.max_bytes,
        )
        for route, codec in codecs.items()
    }
    return orjson.dumps((known, bundle))


def _bundle(plan: Plan) -> dict[str, Any]:
    added = [each.to_json() for each in plan.added.values()]
    settings = plan.settings.to_json()
    return {"directory": str(plan.directory), "settings": settings, "added": added}


def decode_tasks(data: bytes) -> DecoderTasks:
    """Read the codecs and catalog entries that `encode_tasks` wrote."""
    known, plan = orjson.loads(data)
    codecs = {
        route: Codec(
            Side.from_json(side), rows, null, None if names is None else frozenset(names), most
        )
        for route, (side, rows, null, names, most) in known.items()
    }
    return DecoderTasks(codecs, plan)


def main() -> None:
    """Work until the front has ended."""
    began = time.monotonic()
    prepare()
    channel = Channel.adopt([int(argument) for argument in sys.argv[1:]])
    tasks = decode_tasks(sys.stdin.buffer.read())
    ready = Ready(time.monotonic() - began, resident(os.getpid()), os.getpid())
    process = ModelProcess(channel.for_model(), tasks, 1, Batches)
    process.serve(ready, lambda: None)


if __name__ == "__main__":
    main()
