"""The decoder's process: reads large bodies, so that the event loop of the front need not.

`python -m modelbundle.runtime.remote.decoder_process DESCRIPTOR...`, with the codecs on stdin; the
front starts it with its first large body. JSON is parsed with the GIL held, so that a thread would
keep the loop waiting just as long.
"""

import os
import sys
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import orjson

from ..data.payload import Codec
from ..signature import Field, Side
from .channel import Channel
from .inputs import Batches
from .message import Ready
from .model_process import ModelProcess, prepare, resident

_ROWS = Side("array", (Field("row", "bytes", (None,)),))
"""Rows of any JSON, as such: to parse them is what the front is spared."""


def decode(codecs: Mapping[str, Codec], method: str, body: np.ndarray) -> tuple[Side, Any]:
    """The batch in a body; `method` names a route and the type of the content."""
    route, _, content_type = method.partition("\n")
    codec = codecs[route]
    batch = codec.decode(body.tobytes(), content_type)
    if codec.inputs.layout == "objects":
        return _ROWS, np.fromiter(map(orjson.dumps, batch), object, len(batch))
    return codec.inputs, batch


def told(codecs: Mapping[str, Codec]) -> bytes:
    """Codecs as they are told to the process."""
    return orjson.dumps(
        {
            route: (
                codec.inputs.to_json(),
                codec.max_rows,
                codec.nan_as_null,
                None if codec.formats is None else sorted(codec.formats),
                codec.max_bytes,
            )
            for route, codec in codecs.items()
        }
    )


def heard(data: bytes) -> dict[str, Codec]:
    """What `told` wrote."""
    return {
        route: Codec(
            Side.from_json(side), rows, null, None if names is None else frozenset(names), most
        )
        for route, (side, rows, null, names, most) in orjson.loads(data).items()
    }


def main() -> None:
    """Decode until the front is gone."""
    began = time.monotonic()
    prepare()
    channel = Channel.adopt([int(argument) for argument in sys.argv[1:]])
    codecs = heard(sys.stdin.buffer.read())
    ready = Ready(time.monotonic() - began, resident(), os.getpid())
    process = ModelProcess(channel.for_model(), partial(decode, codecs), 1, Batches)
    process.serve(ready, lambda: None)


if __name__ == "__main__":
    main()
