"""CSV rows: a text/csv body as instances, with or without a line of names."""

import csv
import math
from io import StringIO
from typing import Any

from ..errors import BadPayload, InvalidInput
from ..signature import Field, Side

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_NAMED = frozenset({"columns", "tensors"})


def loads(body: bytes, side: Side, header: str | None = None) -> list[Any]:
    """The instances in a CSV body: records where it has names, lists in column order otherwise.

    `header` is the media type's own parameter: "present", "absent" or None, which means that the
    first line is names when it is the signature's names in any order (for one array: when no cell
    of it is a number, and there are others). An empty cell is a missing value, in text only where
    the field may lack one; so is a number's `nan`.

    Raises:
        BadPayload: when it is empty, not UTF-8 or not CSV, or two columns have one name.
        InvalidInput: when a value is not of its column's dtype.
    """
    lines = _lines(body)
    names = [field.name for field in side.fields]
    is_header = header == "present" or (header is None and _is_names(lines, side, names))
    given = lines[0] if is_header else None
    rows = lines[1:] if given is not None else lines
    if given is not None and side.layout in _NAMED:
        _check_names([name.strip() for name in given])
    if side.layout in _NAMED:
        return [_record(index, row, given, side.fields) for index, row in enumerate(rows)]
    field = side.fields[0]
    return [_row(index, row, field) for index, row in enumerate(rows)]


def _lines(body: bytes) -> list[list[str]]:
    try:
        text = body.decode("utf-8-sig")
        lines = [line for line in csv.reader(StringIO(text, newline=""), strict=True) if line]
    except UnicodeDecodeError as error:
        raise BadPayload(f"The body is not UTF-8 at byte {error.start}.") from error
    except csv.Error as error:
        raise BadPayload(f"The body is not CSV: {error}.") from error
    if not lines:
        raise BadPayload("The body is empty; CSV was expected.")
    return lines


def _check_names(names: list[str]) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise BadPayload(f"The column `{name[:64]}` stands more than once.")
        seen.add(name)


def _is_names(lines: list[list[str]], side: Side, names: list[str]) -> bool:
    if side.layout in _NAMED:
        return {cell.strip() for cell in lines[0]} == set(names)
    # Names of an array's columns are nobody's but the client's: any line without a number is one.
    numeric = side.fields[0].dtype not in {"str", "object", "bytes"}
    return numeric and len(lines) > 1 and not any(_is_number(cell) for cell in lines[0])


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.strip().lower() in {"", "true", "false"}
    return True


def _record(index: int, row: list[str], given: list[str] | None, fields: tuple[Field, ...]) -> Any:
    if given is None:
        given = [field.name for field in fields]
    if len(row) != len(given):
        raise InvalidInput(f"instances[{index}]: expected {len(given)} values, got {len(row)}.")
    known = {field.name: field for field in fields}
    return {
        name.strip(): _value(f"instances[{index}].{name}", cell, known.get(name.strip()))
        for name, cell in zip(given, row, strict=True)
    }


def _row(index: int, row: list[str], field: Field) -> Any:
    values = [_value(f"instances[{index}][{i}]", cell, field) for i, cell in enumerate(row)]
    return values[0] if len(field.shape) == 1 and len(values) == 1 else values


def _value(path: str, cell: str, field: Field | None) -> Any:
    dtype = field.dtype if field else "str"
    if dtype in {"str", "category", "object", "bytes"} or dtype.startswith("datetime"):
        return None if field and field.is_nullable and not cell else cell
    cell = cell.strip()
    if not cell:
        return None
    try:
        if dtype == "bool":
            return _BOOLEANS[cell.lower()]
        return _number(cell, dtype)
    except (ValueError, KeyError):
        raise InvalidInput(f"{path}: expected {dtype}, got `{cell[:64]}`.") from None


def _number(text: str, dtype: str) -> float | None:
    if "_" in text or not text.isascii():  # a number for Python only
        raise ValueError(text)
    if "int" in dtype:
        return int(text)
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return None if math.isnan(number) else number
