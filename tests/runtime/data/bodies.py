"""The same rows as a body of every content type, written by the libraries that own the format."""

import csv
import io
import json

import msgpack
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from modelbundle.runtime.data import media


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(compressed=False, **arrays):
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def stream(table, **options):
    sink = pa.BufferOutputStream()
    made = pa.ipc.IpcWriteOptions(**options)
    with pa.ipc.new_stream(sink, table.schema, options=made) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def arrow_file(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def parquet(table, **options):
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def form(*parts, boundary="x-y"):
    """Parts are (name, body), (name, body, filename) or (name, body, filename, content type)."""
    body = b""
    for name, data, *more in parts:
        head = f'Content-Disposition: form-data; name="{name}"'
        head += f'; filename="{more[0]}"' if more else ""
        head += f"\r\nContent-Type: {more[1]}" if len(more) > 1 else ""
        body += f"--{boundary}\r\n{head}\r\n\r\n".encode() + data + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def text(rows):
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue().encode()


def of_columns(columns):
    """Bodies of named columns, by their content type."""
    table = pa.table(columns)
    records = table.to_pylist()
    arrays = {name: np.array(values) for name, values in columns.items()}
    lines = [list(columns), *(record.values() for record in records)]
    return {
        media.JSON: json.dumps({"instances": records}).encode(),
        media.CSV: text(lines),
        media.NPZ: npz(**arrays),
        media.ARROW: stream(table),
        media.ARROW_FILE: arrow_file(table),
        media.PARQUET: parquet(table),
        media.MSGPACK: msgpack.packb({"instances": records}),
        media.MSGPACK_NUMPY: msgpack.packb(
            {
                "instances": {
                    n: packed(a) if a.dtype.kind != "U" else None for n, a in arrays.items()
                }
            }
        )
        if all(a.dtype.kind != "U" for a in arrays.values())
        else msgpack.packb({"instances": records}),
    }


def of_array(rows):
    """Bodies of one array, by their content type."""
    table = pa.table({"rows": rows.tolist()})
    return {
        media.JSON: json.dumps({"instances": rows.tolist()}).encode(),
        media.NPY: npy(rows),
        media.NPZ: npz(rows=rows),
        media.CSV: text(rows.reshape(len(rows), -1).tolist()),
        media.ARROW: stream(table),
        media.ARROW_FILE: arrow_file(table),
        media.PARQUET: parquet(table),
        media.MSGPACK: msgpack.packb({"instances": rows.tolist()}),
        media.MSGPACK_NUMPY: msgpack.packb({"instances": packed(rows)}),
    }


def packed(array):
    """An array as the package msgpack-numpy writes it."""
    return {
        b"nd": True,
        b"type": array.dtype.str,
        b"kind": b"",
        b"shape": list(array.shape),
        b"data": array.tobytes(),
    }
