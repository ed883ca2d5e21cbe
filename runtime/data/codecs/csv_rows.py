"""CSV rows: a text/csv body as instances, with or without a line of names."""

import csv
import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from io import StringIO
from typing import Any

from ...errors import BadPayload, InvalidInput
from ...manifests.signature import Field, Side

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_NONE = frozenset({"", "NA", "N/A", "<NA>", "null", "NULL", "None", "NaT"})  # and nan, any case
_TOO_LONG = "field larger than field limit"  # of the csv module, for a whole process
_WHOLE = re.compile(r"[-+]?[0-9]+")
_NAMED = frozenset({"columns", "tensors"})

Read = Callable[[str], Any]
"""Makes a value of a cell."""


def loads(body: bytes, side: Side, header: str | None = None) -> list[Any]:
    """The instances in a CSV body: records where it has names, lists in column order otherwise.

    `header` is the media type's own parameter: "present", "absent" or None, which means that the
    first line is names when it has most of the signature's names (for one array: when no cell
    of it is a number, and there are others). An empty cell is a missing value, in text only where
    the field may lack one; so is, in any column but of text, `nan`, `NA` and what else programs
    write for none. 41.0 is a whole number.

    Raises:
        BadPayload: when it is empty, not UTF-8 or not CSV, or two columns have one name.
        InvalidInput: when a value is not of its column's dtype.
    """
    return of_lines(_lines(body), side, header)


def of_lines(lines: list[list[str]], side: Side, header: str | None) -> list[Any]:
    """The instances in lines of cells, at least one; as `loads`.

    Raises:
        BadPayload, InvalidInput: as `loads`.
    """
    names = [field.name for field in side.fields]
    is_header = header == "present" or (header is None and _is_names(lines, side, names))
    heading = lines[0] if is_header else None
    rows = lines[1:] if heading is not None else lines
    if side.layout in _NAMED:
        fields = {field.name: field for field in side.fields}
        columns = _columns(names, heading)
        _check_names(columns, fields)
        read = [_reader(fields.get(name)) for name in columns]
        return [_record(index, row, columns, read) for index, row in enumerate(rows)]
    field = side.fields[0]
    reader = _reader(field)
    return [_row(index, row, field, reader) for index, row in enumerate(rows)]


def _lines(body: bytes) -> list[list[str]]:
    try:
        text = body.decode("utf-8-sig")
        lines = [line for line in csv.reader(StringIO(text, newline=""), strict=True) if line]
    except UnicodeDecodeError as error:
        raise BadPayload(f"The body is not UTF-8 at byte {error.start}.") from error
    except csv.Error as error:
        if _TOO_LONG in str(error):
            most = csv.field_size_limit()
            raise BadPayload(f"A cell has more than {most} characters: send JSON.") from error
        raise BadPayload(f"The body is not CSV: {error}.") from error
    if not lines:
        raise BadPayload("The body is empty; CSV was expected.")
    return lines


def _columns(names: list[str], heading: list[str] | None) -> list[str]:
    """The names above the columns, or else those of the signature; space around them is none."""
    if heading is None or set(heading) == set(names):
        return heading or names
    return [name.strip() for name in heading]


def _check_names(names: list[str], fields: Mapping[str, Field]) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise BadPayload(f"The column `{name[:64]}` appears more than once.")
        seen.add(name)
    if "" in seen and "" not in fields:
        raise InvalidInput(
            "A column has no name. Row numbers are not input of the model; pandas leaves "
            "them out with `to_csv(index=False)`."
        )


def _is_names(lines: list[list[str]], side: Side, names: list[str]) -> bool:
    if side.layout in _NAMED:  # most of them: what is wrong with the others can then be told
        cells = {*lines[0], *(cell.strip() for cell in lines[0])}
        return 2 * len(cells.intersection(names)) > len(names)
    # Names of an array's columns are nobody's but the client's: any line without a number is one.
    numeric = side.fields[0].dtype not in {"str", "object", "bytes"}
    return numeric and len(lines) > 1 and not any(_is_number(cell) for cell in lines[0])


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.strip().lower() in {"", "true", "false"}
    return True


def _record(index: int, row: list[str], names: list[str], read: list[Read]) -> Any:
    if len(row) != len(names):
        raise InvalidInput(f"instances[{index}]: expected {len(names)} values, got {len(row)}.")
    try:
        return {name: read(cell) for name, read, cell in zip(names, read, row, strict=True)}
    except _Unreadable:
        for name, each, cell in zip(names, read, row, strict=True):
            _tell(f"instances[{index}].{name}", each, cell)
        raise


def _row(index: int, row: list[str], field: Field, read: Read) -> Any:
    try:
        values = list(map(read, row))
    except _Unreadable:
        for position, cell in enumerate(row):
            _tell(f"instances[{index}][{position}]", read, cell)
        raise
    return values[0] if len(field.shape) == 1 and len(values) == 1 else values


def _tell(path: str, read: Read, cell: str) -> None:
    """Refuse a cell that cannot be read, with its place."""
    try:
        read(cell)
    except _Unreadable as error:
        raise InvalidInput(f"{path}: expected {error}, got `{cell[:64]}`.") from None


class _Unreadable(Exception):
    """A cell is not of this dtype."""


def _reader(field: Field | None) -> Read:
    """What reads the cells of a column; one that no field is for is text, and refused later."""
    dtype = field.dtype if field else "str"
    if dtype.startswith("category["):
        dtype = dtype.removeprefix("category[").removesuffix("]")
    if dtype.startswith("datetime"):
        return _read_time
    if dtype in {"str", "category", "object", "bytes"}:
        return _read_missing if field and field.is_nullable else _read_text
    return partial(_read_value, _read_boolean if dtype == "bool" else _number, dtype)


def _read_text(cell: str) -> str:
    return cell


def _read_missing(cell: str) -> str | None:
    return cell or None


def _read_time(cell: str) -> str | None:
    cell = cell.strip()
    return None if cell in _NONE else cell


def _read_value(read: Callable[[str, str], Any], dtype: str, cell: str) -> Any:
    cell = cell.strip()
    if cell in _NONE:
        return None
    try:
        return read(cell, dtype)
    except (ValueError, KeyError):
        raise _Unreadable(dtype) from None


def _read_boolean(text: str, _: str) -> bool:
    return _BOOLEANS[text.lower()]


def _number(text: str, dtype: str) -> float | None:
    if "_" in text or not text.isascii():  # a number for Python only
        raise ValueError(text)
    if "int" in dtype and _WHOLE.fullmatch(text):
        return int(text)
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return None if math.isnan(number) else number
