"""BodyReader: decodes the bodies of one API to its arguments, by content type."""

import math
from typing import Any

from ...data import formats, media, untyped_body
from ...data.codecs import form_rows, instances
from ...data.depth import check_depth
from ...data.payload import of_formats
from ...data.rows import extent, table
from ...errors import BadPayload, InvalidInput, UnsupportedMediaType
from ..array import Array
from . import form, wire
from .method import Contract
from .types import binary, rows
from .types.record import arguments
from .types.spec import IMAGE, Kind

_RAW: dict[Kind, tuple[str, ...]] = {"str": ("text/",), "bytes": ("",), "image": ("",)}
_TABLES = frozenset({"array", "dataframe"})


class BodyReader:
    """Decodes the bodies of one API to its arguments.

    max_rows   rows per request
    wanted     names of the accepted formats; None = all that are installed
    max_bytes  limit of the decompressed size
    is_slow    whether bodies may take long to read: an image of 2 KB can take seconds
    """

    def __init__(
        self,
        contract: Contract,
        max_rows: int,
        wanted: frozenset[str] | None,
        max_bytes: int,
    ) -> None:
        self._parameters = contract.parameters
        self._form = wire.form(contract.specs, batchable=contract.batchable)
        self._kind = wire.unit(contract.specs, batchable=contract.batchable)
        self._media: list[str] = contract.input["media"]
        self.is_slow = IMAGE in str(contract.input["schema"])
        self._batchable = contract.batchable
        self._max_rows = max_rows
        self._wanted = wanted
        self._body_limits = untyped_body.BodyLimits(max_rows, max_bytes, math.inf)

    def read(self, body: bytes, content_type: str) -> dict[str, Any]:
        """The arguments in `body`.

        Raises:
            BadPayload, InvalidInput, PayloadTooLarge, UnsupportedMediaType: see `errors`.
        """
        with binary.one_request():
            return self._read(body, content_type)

    def _read(self, body: bytes, content_type: str) -> dict[str, Any]:
        kind = media.essence(content_type)
        if kind == media.JSON or (not kind and not self._is_file()):
            return self._json(body)
        if kind == media.MULTIPART:
            return self._multipart(body, content_type)
        if self._form == "instances" and self._kind in _TABLES:
            if kind == media.CSV:
                return self._csv(body, content_type)
            if kind in untyped_body.KINDS and (kind, self._kind) != (media.NPY, "dataframe"):
                formats.check(kind, self._wanted)
                return self._untyped(untyped_body.read(body, kind, self._body_limits))
        if any(kind.startswith(each) for each in _RAW.get(self._kind, ())):
            return self._raw(body)
        known = ", ".join(f"`{each}`" for each in self._known())
        raise UnsupportedMediaType(f"No decoder for `{kind[:64]}`; send one of {known}.")

    def _known(self) -> tuple[str, ...]:
        """The content types that are taken."""
        is_table = self._form == "instances" and self._kind in _TABLES
        more = of_formats(formats.on(self._wanted) - {"image"}) if is_table else ()
        return (*self._media, *more)

    def rows(self, arguments: dict[str, Any]) -> int:
        """The number of rows of a request, or 1 if it has none."""
        return table.rows(arguments[self._parameters[0].name]) if self._is_rows else 1

    def places(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The values of a request by their place in the body."""
        return {"instances": next(iter(arguments.values()))} if self._is_rows else arguments

    @property
    def _is_rows(self) -> bool:
        return self._form == "instances"

    def _is_file(self) -> bool:
        return self._kind in {"bytes", "image"}

    def _json(self, body: bytes) -> dict[str, Any]:
        if self._form == "instances":
            return self._rows(instances.loads(body))
        value = instances.parse(body) if body.strip() or self._parameters else {}
        check_depth(value, "The body")
        if self._form == "parameters":
            return arguments(value, self._parameters)
        parameter = self._parameters[0]
        return {parameter.name: parameter.decoder.read(value, "")}

    def _rows(self, value: Any) -> dict[str, Any]:
        if getattr(value, "ndim", 1) == 0:
            raise InvalidInput("instances: expected an array of rows, got one value.")
        self._check_rows(len(value))
        if self._kind not in {"array", "dataframe"}:
            check_depth(value)
        parameter = self._parameters[0]
        return {parameter.name: parameter.decoder.read(value, "instances")}

    def _untyped(self, value: untyped_body.Rows) -> dict[str, Any]:
        if isinstance(value, dict):
            self._check_rows(untyped_body.as_columns(value))
            if self._kind == "dataframe":
                return {self._parameters[0].name: rows.frame_of(value)}
            value = untyped_body.as_array(value)
        return self._rows(value)

    def _multipart(self, body: bytes, content_type: str) -> dict[str, Any]:
        parts = form.loads(body, content_type)
        if self._form == "parameters" and not self._batchable:
            specs = {each.name: each.decoder.spec for each in self._parameters}
            return arguments(form.values(parts, specs), self._parameters)
        parameter = self._parameters[0]
        if self._form == "record":
            fields = form.of_record(parameter.decoder.spec.schema)
            return {parameter.name: parameter.decoder.read(form.values(parts, fields), "")}
        if self._kind in _RAW:
            self._check_rows(len(parts))
            each = form.rows(parts, self._kind)
            return {parameter.name: parameter.decoder.read(each, "instances")}
        if len(parts) == 1 and parts[0].is_file:
            return self._read(parts[0].body, parts[0].content_type)
        if self._kind in _TABLES:
            return self._untyped(form_rows.arrays(parts))
        raise UnsupportedMediaType("One file with the rows was expected.")

    def _csv(self, body: bytes, content_type: str) -> dict[str, Any]:
        if self._kind == "array":
            note = self._parameters[0].decoder.note or Array()
            header = (media.parameter(content_type, "header") or "").lower()
            return self._rows(rows.csv(note, body, "absent" if header == "absent" else None))
        frame = rows.frame_of_csv(body)
        self._check_rows(len(frame))
        return {self._parameters[0].name: frame}

    def _raw(self, body: bytes) -> dict[str, Any]:
        parameter = self._parameters[0]
        value: Any = body if self._is_file() else _text(body)
        if self._batchable:
            return {parameter.name: parameter.decoder.read([value], "instances")}
        return {parameter.name: parameter.decoder.read(value, "The body")}

    def _check_rows(self, count: int) -> None:
        extent.check_rows(count, self._max_rows)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadPayload(f"The body is not UTF-8 at byte {error.start}.") from error
