"""CSV schema: the JSON Schema pattern of a text/csv body."""

import re
from collections.abc import Mapping
from itertools import groupby
from typing import Any

from ...manifests.signature import Field, Side
from ..rows import column

_DIGITS = {"8": 2, "16": 4, "32": 9, "64": 18}  # of any number that fits so many bits
_DIGIT = "[0-9]"
_FLOAT = r"[-+]?[0-9]{1,18}(\.[0-9]{1,18})?([eE][-+]?[0-9])?"
_SHORT = r"[-+]?[0-9]{1,4}(\.[0-9]{1,18})?"
_TEXT = r'("([^"\x00-\x1f]|"")+"|[^",\x00-\x20][^",\x00-\x1f]*)'
_DAY = "(1[7-9]|2[01])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"  # nanoseconds fit, too
_CELLS = {
    "bool": "(true|false|1|0)",
    "datetime": _DAY,
    "str": _TEXT,
    "bytes": "([A-Za-z0-9+/]{4})+",
    "category": _TEXT,  # nobody knows which there are
    "object": _TEXT,
}


def is_of_cells(side: Side) -> bool:
    """Whether a row can be a line: of an array its one axis, else a value of each field."""
    if side.layout == "array":
        return all(len(each.shape) <= 2 for each in side.fields)  # noqa: PLR2004
    plain = {(), (1,)}
    return side.layout == "columns" or (
        side.layout == "tensors" and all(each.shape[1:] in plain for each in side.fields)
    )


def csv_schema(side: Side) -> dict[str, Any]:
    """Rows as lines of cells, below a header line if the columns have names.

    RFC 4180, in the regular expressions of ECMA-262. It promises less than the server takes: no
    white space around numbers, and only numbers that fit whatever their digits are.
    """
    cells = [cell for field in side.fields if (cell := _cell(field)) is not None]
    width = _width(side)
    if width is None or len(cells) < len(side.fields):
        return {"type": "string", "minLength": 1}
    if side.layout == "array":
        line = _repeated(cells[0], width)
        names = ""
    else:
        line = ",".join(_repeated(cell, len([*run])) for cell, run in groupby(cells))
        names = rf"({','.join(map(_name, side.fields))}\r?\n)?"
    return {"type": "string", "pattern": rf"^{names}{line}(\r?\n{line})*(\r?\n)?$"}


def _repeated(cell: str, times: int) -> str:
    return cell if times == 1 else f"{cell}(,{cell}){{{times - 1}}}"


def of_instances(schema: Mapping[str, Any]) -> Side | None:
    """The array of numbers that an author's API takes, if it says how many a row has."""
    rows = schema.get("properties", {}).get("instances", {}).get("items", {})
    width = rows.get("minItems")
    if rows.get("items", {}).get("type") != "number" or width != rows.get("maxItems"):
        return None
    return Side("array", (Field("instances", "float32", (None, width)),))


def form_schema(side: Side) -> dict[str, Any] | None:
    """One row as the fields of a form; None where its values have no names, or are none of text."""
    fields = {field.name: _form_field(field) for field in side.fields}
    if side.layout not in {"columns", "tensors"} or _width(side) is None or None in fields.values():
        return None
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def _form_field(field: Field) -> dict[str, Any] | None:
    """A value that nothing stands around: any text is one, and none at all may be missing."""
    cell = _cell(field)
    if cell in {None, _CELLS["bytes"]}:  # a part of a form is bytes as they are
        return None
    if cell == _TEXT:
        return {"type": "string"}
    return {"type": "string", "pattern": f"^({cell})?$" if field.is_nullable else f"^{cell}$"}


def _width(side: Side) -> int | None:
    """Cells of a row; None where that varies, or a cell is no single value."""
    if side.layout == "array":
        shape = side.fields[0].shape[1:]
        return None if len(shape) > 1 else shape[0] if shape else 1
    return len(side.fields) if is_of_cells(side) else None


def _name(field: Field) -> str:
    quoted = field.name.replace('"', '""')
    return re.escape(f'"{quoted}"' if re.search('[",\r\n]', field.name) else field.name)


def _cell(field: Field) -> str | None:
    """One value of a field; None where no pattern tells which are taken."""
    kind = re.match(r"([a-z]+)([0-9]*)", column.plain(field.dtype))
    name, bits = kind.groups() if kind else ("", "")
    if name in {"int", "uint"}:
        return ("" if name == "uint" else "[-+]?") + f"{_DIGIT}{{1,{_DIGITS[bits]}}}"
    if name == "float":
        return _SHORT if bits == "16" else _FLOAT
    return _CELLS.get(name)
