"""Note: JSON that accompanies a body or an output on a slab."""

from typing import Any

import numpy as np
import orjson

from ...data.rows import table
from .layout import Layout, Numbers
from .outputs import outline
from .slab import Slab
from .slab_writer import SlabWriter, Written

_SIZE = 8  # bytes of the length of the note before a body


class NotedOutput:
    """Writes an output that another process encodes, with a note how.

    method   the name of the task, for the other process
    """

    def __init__(self, method: str) -> None:
        self.method = method

    def write(self, slab: Slab, batches: list[Any], _: int, numbers: Numbers) -> Written:
        """Write the only one of `batches`, a note and the output of a model, to `slab`.

        Raises:
            MemoryError: when the slab cannot grow enough.
        """
        ((note, output),) = batches
        writer, rows = SlabWriter(), table.rows(output)
        writer.values(note)
        layout: Layout = (self.method, ("noted", outline(output, rows, writer)))
        return writer.write(slab, layout, rows, numbers)


def with_note(note: Any, body: bytes) -> list[np.ndarray]:
    """A body behind a note, which is JSON, as pieces of an array of bytes."""
    text = orjson.dumps(note)
    head = len(text).to_bytes(_SIZE, "little") + text
    return [np.frombuffer(head, np.uint8), np.frombuffer(body, np.uint8)]


def without_note(array: np.ndarray) -> tuple[Any, bytes]:
    """The note and the body."""
    stop = _SIZE + int.from_bytes(array[:_SIZE].tobytes(), "little")
    return orjson.loads(array[_SIZE:stop].tobytes()), array[stop:].tobytes()
