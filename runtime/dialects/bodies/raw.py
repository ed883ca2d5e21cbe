"""Raw: a body that goes to the model as it is: an image, a text, a form, some JSON.

TorchServe hands such bodies to a handler, SageMaker to an `input_fn`; here the model's signature
says what is meant: where it takes one `bytes` or `str`, the body is that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import orjson

from ...data import media, untyped_body
from ...data.codecs import multipart
from ...data.codecs.instances import parse, written
from ...data.depth import check_depth
from ...data.rows import column
from ...errors import BadPayload, InvalidInput
from ...manifests.signature import Field
from ..dialect_request import DialectRequest
from ..reply import Reply
from ..served import Served
from . import pictures, schemas
from .bare import Bare, answer, answer_bytes, answer_rows, as_reply, listed, only

_PLAIN = f"{media.TEXT}; charset=utf-8"
_TEXTS = frozenset({"str", "object"})
_UNTYPED = frozenset({"", media.OCTETS, media.TEXT})
_OF_ROWS = frozenset({*untyped_body.KINDS, media.CSV, media.MULTIPART})
_WHOLE = frozenset({"data", "body"})
"""Names of a part that is all of the input."""

_ROWS = "instances"
_JSON_STARTS = frozenset({b"{", b"[", b'"'})
_MOST_FIELDS = 1024
_OF_ONE = 2  # axes of a field that may have one value in each row


def as_text(served: Served, accept: str) -> str:
    """The accepted type of a client that names none: text for a stream of texts."""
    is_text = served.route.streaming and media.TEXT in served.route.output.get("media", ())
    return media.TEXT if is_text and accept.strip() in {"", "*/*"} else accept


def unquoted(reply: Reply, accept: str) -> Reply:
    """A single text without JSON quotes, as TorchServe answers it, unless JSON is accepted."""
    if not isinstance(reply.body, bytes) or reply.content_type != media.JSON:
        return reply
    if reply.body[:1] != b'"' or media.ranked(accept, (media.TEXT, media.JSON))[:1] != [media.TEXT]:
        return reply
    return replace(reply, body=orjson.loads(reply.body).encode(), content_type=_PLAIN)


def may_be_text(served: Served) -> bool:
    """Whether an answer may be one text."""
    if served.signature is None:
        return True
    outputs = served.signature.outputs
    return outputs.layout == "objects" or any(field.dtype in _TEXTS for field in outputs.fields)


class Raw:
    """One body for one model."""

    def __init__(self, served: Served, request: DialectRequest, accept: str | None = None) -> None:
        self._served = served
        self._request = request
        self._accept = request.accept if accept is None else accept

    async def answer(self) -> Reply:
        """The answer to the whole body.

        Raises:
            RequestError: as the native route does.
        """
        return await self._answer(self._request.body, self._request.declared_type)

    async def answer_fields(self, fields: Mapping[str, bytes]) -> Reply:
        """Answer named values: the only input of the model, or a record.

        Raises:
            RequestError: as the native route does.
        """
        if not fields:
            raise BadPayload("There is no input.")
        if len(fields) == 1:
            ((name, body),) = fields.items()
            if name in _WHOLE or self._only is not None:
                return await self._untyped(body, "")
        record = {name: self._value(name, _text(body)) for name, body in fields.items()}
        if self._served.signature is None:
            return await self._record(record)
        return await self._rows([record])

    async def _answer(self, body: bytes, content_type: str) -> Reply:
        kind = media.essence(content_type)
        if kind == media.FORM and body.lstrip()[:1] not in _JSON_STARTS:
            return await self._form(body)
        if kind == media.MULTIPART:
            return await self._form_data(body, content_type)
        if kind in _UNTYPED:
            return await self._untyped(body, kind)
        if kind in {media.JSON, media.FORM}:
            return await answer(self._served, self._request, body, self._accept)
        if self._is_whole(body, kind):
            return await self._untyped(body, "")
        return await self._called(body, content_type)

    def _is_whole(self, body: bytes, kind: str) -> bool:
        """Whether the model takes a body whose content type is not one of rows."""
        if self._served.signature is None or kind in _OF_ROWS:
            return False
        if self._only is not None and self._only.dtype == "str":
            return kind.startswith("text/")
        return self._takes_bytes or pictures.kind_of(body) != ""

    async def _called(self, body: bytes, content_type: str) -> Reply:
        served, request = self._served, self._request
        return as_reply(await served.call(request, body, content_type, self._accept))

    async def _untyped(self, body: bytes, kind: str) -> Reply:
        """A body without a content type, interpreted for the model."""
        field = self._only
        if self._takes_bytes:
            return await answer_bytes(self._served, self._request, [body], "single")
        if field is not None and field.dtype == "str" and len(field.shape) <= _OF_ONE:
            return await self._rows([self._alone(field, _text(body))])
        if self._is_text and body and body.lstrip()[:1] not in _JSON_STARTS:
            return await self._called(body, media.TEXT)
        guessed = pictures.kind_of(body)
        if guessed or (self._served.signature is None and kind):
            reply = await self._called(body, guessed or kind)
            return reply if self._served.signature is None else only(reply)
        return await answer(self._served, self._request, body, self._accept)

    async def _form(self, body: bytes) -> Reply:
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError as error:
            raise BadPayload("The body is not a form that can be read.") from error
        if not pairs:
            raise BadPayload("The body is an empty form.")
        if len(pairs) == 1 and pairs[0][0] in _WHOLE:
            return await self._untyped(pairs[0][1].encode(), "")
        record = {name: self._value(name, text) for name, text in pairs}
        if len(record) < len(pairs):
            raise InvalidInput("A field of the form appears more than once.")
        if self._served.signature is None:
            return await self._record(record)
        return await self._rows([record])

    async def _record(self, record: dict[str, Any]) -> Reply:
        """The arguments of an API of a service class."""
        check_depth(record, "The input")
        return await self._called(written(record), media.JSON)

    async def _form_data(self, body: bytes, content_type: str) -> Reply:
        """Files and fields; a service class reads them by itself, but for one that is the whole."""
        parts = multipart.loads(body, content_type)
        if self._served.signature is not None:
            return await self._parts(parts, content_type)
        known = self._served.route.input.get("schema", {}).get("properties", {})
        if len(parts) > 1 or parts[0].name not in _WHOLE - known.keys() or _ROWS in known:
            return await self._called(body, content_type)
        return await self._part(parts[0])

    async def _part(self, part: multipart.Part, kind: str | None = None) -> Reply:
        """The part that is the whole body, with its own content type if none is given."""
        if media.essence(part.content_type) == media.MULTIPART:
            raise BadPayload("A part of the body is multipart itself.")
        return await self._answer(part.body, part.content_type if kind is None else kind)

    async def _parts(self, parts: Sequence[multipart.Part], content_type: str) -> Reply:
        """Files: one that is everything, several that are a row each, or by the native route."""
        if len(parts) == 1 and (parts[0].name in _WHOLE or self._only is not None):
            is_picture = media.essence(parts[0].content_type).startswith("image/")
            return await self._part(
                parts[0], media.OCTETS if is_picture and self._takes_bytes else None
            )
        if self._takes_bytes and len({part.name for part in parts} - _WHOLE) <= 1:
            files = [part.body for part in parts]
            return await answer_bytes(self._served, self._request, files, "listed")
        reply = await self._called(self._request.body, content_type)
        names = {part.name for part in parts}
        is_record = len(names) == len(parts) > 1  # one row, as in any other form
        return only(reply) if is_record else listed(reply)

    def _value(self, name: str, text: str) -> Any:
        """A field of a form: a text where the model takes one, else JSON if it is some."""
        signature = self._served.signature
        if signature is not None:
            is_text = any(
                each.name == name and _holds_text(each) for each in signature.inputs.fields
            )
        else:
            known = self._served.route.input.get("schema", {}).get("properties", {})
            schema = known.get(name, {})
            is_text = "items" not in schema and schemas.is_text(schema)
        return text if is_text else _value(text)

    def _alone(self, field: Field, value: str) -> Any:
        """A value as the whole of a row."""
        signature = self._served.signature
        is_array = signature is None or signature.inputs.layout == "array"
        return value if is_array else {field.name: value}

    async def _rows(self, rows: list[Any]) -> Reply:
        return await answer_rows(self._served, self._request, Bare(rows, "single"), self._accept)

    @property
    def _only(self) -> Field | None:
        """The only input of the model, or None."""
        signature = self._served.signature
        fields = signature.inputs.fields if signature is not None else ()
        return fields[0] if len(fields) == 1 else None

    @property
    def _is_text(self) -> bool:
        """Whether it is an API of a service class that takes one text."""
        return self._served.signature is None and self._served.route.input.get("kind") == "str"

    @property
    def _takes_bytes(self) -> bool:
        return self._only is not None and self._only.dtype == "bytes"


def _holds_text(field: Field) -> bool:
    """Whether a value of the field is a text or a time."""
    is_text = column.family(field.dtype) in {"s", "t"} or field.dtype == "category"
    return is_text and len(field.shape) == 1


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BadPayload("The body is not UTF-8 text.") from error


def _value(text: str) -> Any:
    """The value of a form field: parsed if it is JSON, else text."""
    try:
        return parse(text.encode("utf-8", "surrogatepass"))
    except (BadPayload, InvalidInput):
        return text
