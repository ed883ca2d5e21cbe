"""Parquet: a file of columns, as pandas, Polars, DuckDB and Spark write it.

Source: parquet.apache.org/docs/file-format.
"""

from typing import Any

import numpy as np

from ...errors import BadPayload, PayloadTooLarge
from ..rows import extent
from . import arrow_table
from .parquet_pages import Footer


def loads(body: bytes, most_rows: int, most_bytes: int) -> dict[str, np.ndarray]:
    """The columns of a Parquet file.

    Rows are counted and the heads of all pages read before any page is inflated.

    Raises:
        BadPayload: when it is not Parquet.
        PayloadTooLarge: beyond `most_rows`, or `most_bytes` of pages or values.
        InvalidInput: see `arrow_table.columns`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        footer = Footer.read(body)
        extent.check_rows(footer.rows, most_rows)
        if footer.size > most_bytes:
            raise PayloadTooLarge(f"The body becomes more than {most_bytes} bytes.")
        # Texts stay what they are in the file: each once, however many rows have it.
        with pq.ParquetFile(pa.BufferReader(body), read_dictionary=list(footer.texts)) as file:
            table = file.read(use_threads=False)
        table.validate(full=True)
        return arrow_table.columns(table, most_bytes)
    except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError, MemoryError) as error:
        raise BadPayload("The body is not a Parquet file that can be read.") from error


def dumps(table: Any) -> bytes:
    """A pyarrow Table as a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="snappy")
    written: bytes = sink.getvalue().to_pybytes()
    return written
