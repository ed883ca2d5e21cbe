"""Parquet: a file of columns, as pandas, Polars, DuckDB and Spark write it.

Source: parquet.apache.org/docs/file-format.
"""

from typing import Any

import numpy as np

from ..errors import BadPayload, PayloadTooLarge
from . import arrow_table, parquet_pages

_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}
_TEXT = 16  # bytes of a text's place; the texts themselves are in the pages
_MOST_COLUMNS = 1 << 14


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
        source = pa.BufferReader(body)
        metadata = pq.read_metadata(source)
        if metadata.num_rows > most_rows:
            raise PayloadTooLarge(
                f"The request has {metadata.num_rows} rows; this server takes up to {most_rows} at "
                "once."
            )
        if _size(body, metadata) > most_bytes:
            raise PayloadTooLarge(f"The body becomes more than {most_bytes} bytes.")
        texts = _texts(metadata)
        with pq.ParquetFile(source, metadata=metadata, read_dictionary=texts) as file:
            table = file.read(use_threads=False)
        table.validate(full=True)
        return arrow_table.columns(table, most_bytes)
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise BadPayload("The body is not a Parquet file that can be read.") from error


def dumps(table: Any) -> bytes:
    """A pyarrow Table as a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="snappy")
    written: bytes = sink.getvalue().to_pybytes()
    return written


def _size(body: bytes, metadata: Any) -> int:
    """Bytes of all pages once inflated, or of the values in them where those are more."""
    if metadata.num_columns * max(metadata.num_row_groups, 1) > _MOST_COLUMNS:
        raise PayloadTooLarge(f"The body has more than {_MOST_COLUMNS} columns and row groups.")
    data, total = memoryview(body), 0
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for position in range(metadata.num_columns):
            total += _column_size(data, row_group.column(position), metadata.schema, position)
    return total


def _column_size(data: memoryview, column: Any, schema: Any, position: int) -> int:
    start = column.data_page_offset
    if column.dictionary_page_offset is not None:
        start = min(start, column.dictionary_page_offset)
    pages = parquet_pages.measure(data, start, column.total_compressed_size)
    width = _WIDTHS.get(column.physical_type, _TEXT)
    if column.physical_type == "FIXED_LEN_BYTE_ARRAY":
        width = max(schema.column(position).length, 1)
    return max(pages.size, pages.values * width)


def _texts(metadata: Any) -> list[str]:
    """Paths of the columns of texts, which stay what they are in the file: each text once."""
    schema = metadata.schema
    columns = map(schema.column, range(metadata.num_columns))
    return [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
