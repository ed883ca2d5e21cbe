"""Arrow: tables in the IPC stream and file formats.

Source: arrow.apache.org/docs/format/Columnar.html, "Serialization and Interprocess Communication".
"""

from typing import Any

import numpy as np

from ...errors import BadPayload, PayloadTooLarge
from . import arrow_messages, arrow_table

MAGIC = b"ARROW1\x00\x00"
_MOST_MESSAGES = 1 << 12


def loads(body: bytes, most_rows: int, most_bytes: int) -> dict[str, np.ndarray]:
    """The columns of a body, which may be a stream or a file, whatever it is called.

    Rows and the sizes of all buffers are read from the messages before any buffer is inflated.

    Raises:
        BadPayload: when it is not Arrow.
        PayloadTooLarge: beyond `most_rows`, or `most_bytes` of buffers.
        InvalidInput: see `arrow_table.columns`.
    """
    import pyarrow as pa

    try:
        # A file is a stream with a directory behind it.
        messages = pa.py_buffer(body).slice(len(MAGIC) if body.startswith(MAGIC) else 0)
        _check(messages, most_rows, most_bytes)
        with pa.ipc.open_stream(messages) as reader:
            table = reader.read_all()
        table.validate(full=True)
        return arrow_table.columns(table, most_bytes)
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise BadPayload("The body is not an Arrow stream or file that can be read.") from error


def dumps(table: Any, *, is_file: bool = False) -> bytes:
    """A pyarrow Table as a stream, or as a file."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    new = pa.ipc.new_file if is_file else pa.ipc.new_stream
    with new(sink, table.schema) as writer:
        writer.write_table(table)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def _check(body: Any, most_rows: int, most_bytes: int) -> None:
    import pyarrow as pa

    rows = size = 0
    messages = pa.ipc.MessageReader.open_stream(body)
    for _ in range(_MOST_MESSAGES):
        try:
            message = messages.read_next_message()
        except StopIteration:
            return
        more, bytes_ = arrow_messages.size(message.metadata, message.body)
        rows, size = rows + more, size + bytes_
        if rows > most_rows:
            raise PayloadTooLarge(
                f"The request has {rows} rows or more; this server takes up to {most_rows} at once."
            )
        if size > most_bytes:
            raise PayloadTooLarge(f"The body becomes more than {most_bytes} bytes.")
    raise PayloadTooLarge(f"The body has more than {_MOST_MESSAGES} messages.")
