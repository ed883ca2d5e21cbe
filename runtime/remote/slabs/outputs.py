"""Outputs: writes the answers of a model to a slab."""

from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

import numpy as np

from ...data.codecs import npy
from ...data.codecs.instances import written
from ...data.rows.fragments import Fragments
from ...data.rows.predictions import columns, to_instances, values, without_rows
from ...errors import PredictionFailed
from ..failure import without_surrogates
from .layout import SCALAR, Layout, Numbers
from .slab import Slab
from .slab_writer import SlabWriter, Written, put

_RAW = frozenset("biufcmMSU")  # kinds of dtypes whose arrays are written as their bytes


class Outputs:
    """Writes the answers of one model process."""

    def __init__(self) -> None:
        self._numbers = Numbers()

    def write(self, slab: Slab, output: Any, rows: int) -> Written:
        """Write `output`, which should have `rows` rows, to `slab`.

        Raises:
            MemoryError: when the slab cannot grow enough.
        """
        if type(output) is np.ndarray and output.ndim:
            layout: Layout = ("raw", output.dtype.str, output.shape[1:], None)
            number = self._numbers.get(layout)
            if number is not None and len(output) == rows and output.dtype.kind in _RAW:
                slab.reserve(max(output.nbytes, 1))
                put([output], np.ndarray(output.shape, output.dtype, slab.root))
                return number, 0, 0, rows, max(output.nbytes, 1)
        writer = SlabWriter()
        return writer.write(slab, outline(output, rows, writer), rows, self._numbers)


def outline(output: Any, rows: int, writer: SlabWriter) -> Layout:
    """The row count and the layout of `output`; its values are added to `writer`.

    Arrays of plain values stay arrays; everything else becomes one JSON value a row, so that the
    front needs no library of the model.
    """
    if isinstance(output, np.ndarray):
        return _outline_array(output, rows, writer)
    if isinstance(output, tuple):
        return ("tuple", tuple(outline(part, rows, writer) for part in output))
    if isinstance(output, Mapping):
        names = tuple(map(str, output))
        return ("dict", names, tuple(outline(part, rows, writer) for part in output.values()))
    if isinstance(output, list | Fragments):
        return _outline_listed(output, rows, writer)
    if hasattr(output, "columns") or hasattr(output, "to_numpy"):  # a DataFrame or a Series
        plain = columns(output) if hasattr(output, "columns") else values(output)
        return outline(plain, rows, writer)
    return ("unfit", without_rows(output))


def _outline_array(array: np.ndarray, rows: int, writer: SlabWriter) -> Layout:
    if array.dtype.kind in _RAW or (array.dtype.type is np.void and not array.dtype.names):
        plain = np.asarray(array)
        if not plain.ndim:
            writer.array([plain.reshape(1)], 1)
            return ("raw", plain.dtype.str, (), SCALAR)
        writer.array([plain], len(plain))
        return ("raw", plain.dtype.str, plain.shape[1:], _unless(rows, len(plain)))
    if array.dtype.names and not array.dtype.hasobject:
        writer.text(npy.dumps(array))
        return ("npy",)
    if not array.ndim:
        return ("unfit", "The model answered with one value, not with rows.")
    return _outline_rows(array.tolist(), rows, writer)


def _outline_listed(output: list[Any] | Fragments, rows: int, writer: SlabWriter) -> Layout:
    if isinstance(output, Fragments):
        return _outline_fragments(output, rows, writer)
    return _outline_rows(output, rows, writer)


def _outline_rows(values: list[Any], rows: int, writer: SlabWriter) -> Layout:
    ends, text, flaws = [], bytearray(), []
    for row, value in enumerate(values):
        try:
            text += _dumps(value)
        except Exception as error:  # noqa: BLE001 - the row's own request is answered with it
            flaw, instead = _flaw(value, error)
            flaws.append((row, *flaw))
            text += instead
        text += b","
        ends.append(len(text))
    writer.array([np.array(ends, np.int64)], len(ends))
    writer.block(bytes(text))
    writer.values(flaws)
    return ("fragments", _unless(rows, len(values)))


def _outline_fragments(rows: Fragments, wanted: int, writer: SlabWriter) -> Layout:
    first = rows.place(rows.start)
    writer.array([np.array(rows.ends[rows.start : rows.stop], np.int64) - first], len(rows))
    writer.block(rows.text[first : rows.place(rows.stop)])
    writer.values([(row - rows.start, *astuple(flaw)) for row, flaw in rows.flawed()])
    return ("fragments", _unless(wanted, len(rows)))


def _flaw(value: Any, error: Exception) -> tuple[tuple[str | None, str, bool], bytes]:
    """The error of a row that is not JSON, and its JSON with null for NaN."""
    detail = without_surrogates(error.detail) if isinstance(error, PredictionFailed) else None
    reason = without_surrogates(f"{type(error).__name__}: {error}")
    try:
        return (detail, reason, True), _dumps(value, nan_as_null=True)
    except Exception:  # noqa: BLE001 - `error` is what its client gets
        return (detail, reason, False), b"null"


def _dumps(value: Any, *, nan_as_null: bool = False) -> bytes:
    return written(to_instances([value], nan_as_null=nan_as_null)[0])


def _unless(rows: int, own: int) -> int | None:
    return None if own == rows else own
