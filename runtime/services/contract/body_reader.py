"""BodyReader: the bodies of one API to the arguments of its method, by content type."""

from typing import Any

from ...data import instances, npy, table
from ...errors import BadPayload, InvalidInput, PayloadTooLarge, UnsupportedMediaType
from ..array import Array
from . import rows, wire
from .method import Contract
from .record import arguments
from .spec import Kind

_NPY = frozenset({"application/x-npy", "application/npy", "application/vnd.numpy.npy"})
_RAW: dict[Kind, tuple[str, ...]] = {"str": ("text/",), "bytes": ("",), "image": ("",)}


class BodyReader:
    """Turns the bodies of one API into its arguments.

    max_rows  rows that one request may carry
    """

    def __init__(self, contract: Contract, max_rows: int = 4096) -> None:
        self._parameters = contract.parameters
        self._form = wire.form(contract.specs, batchable=contract.batchable)
        self._kind = wire.unit(contract.specs, batchable=contract.batchable)
        self._media: list[str] = contract.input["media"]
        self._batchable = contract.batchable
        self._max_rows = max_rows

    def read(self, body: bytes, content_type: str) -> dict[str, Any]:
        """The arguments in `body`.

        Raises:
            BadPayload, InvalidInput, PayloadTooLarge, UnsupportedMediaType: see `errors`.
        """
        media, _, details = content_type.partition(";")
        media = media.strip().lower()
        if media == wire.JSON or media.endswith("+json") or (not media and not self._is_file()):
            return self._json(body)
        if self._form == "instances" and self._kind == "array" and media in _NPY:
            return self._rows(npy.loads(body))
        if self._form == "instances" and media == wire.CSV and wire.CSV in self._media:
            return self._csv(body, details)
        if any(media.startswith(each) for each in _RAW.get(self._kind, ())):
            return self._raw(body)
        known = ", ".join(f"`{each}`" for each in self._media)
        raise UnsupportedMediaType(f"No decoder for `{media[:64]}`; send one of {known}.")

    def rows(self, arguments: dict[str, Any]) -> int:
        """Rows of one request: of its batch, else 1."""
        return table.rows(arguments[self._parameters[0].name]) if self._form == "instances" else 1

    def _is_file(self) -> bool:
        return self._kind in {"bytes", "image"}

    def _json(self, body: bytes) -> dict[str, Any]:
        if self._form == "instances":
            return self._rows(instances.loads(body))
        value = instances.parse(body) if body.strip() or self._parameters else {}
        instances.check_depth(value, "The body")
        if self._form == "parameters":
            return arguments(value, self._parameters)
        parameter = self._parameters[0]
        return {parameter.name: parameter.decoder.read(value, "")}

    def _rows(self, value: Any) -> dict[str, Any]:
        if getattr(value, "ndim", 1) == 0:
            raise InvalidInput("instances: expected an array of rows, got one value.")
        self._check_rows(len(value))
        if self._kind not in {"array", "dataframe"}:
            instances.check_depth(value)
        parameter = self._parameters[0]
        return {parameter.name: parameter.decoder.read(value, "instances")}

    def _csv(self, body: bytes, details: str) -> dict[str, Any]:
        if self._kind == "array":
            note = self._parameters[0].decoder.note or Array()
            header = "absent" if "header=absent" in details.replace(" ", "").lower() else None
            return self._rows(rows.csv(note, body, header))
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
        if count > self._max_rows:
            raise PayloadTooLarge(
                f"The request has {count} rows; this server takes up to {self._max_rows} at once."
            )


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadPayload(f"The body is not UTF-8 at byte {error.start}.") from error
