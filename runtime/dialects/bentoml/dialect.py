"""Bentoml: BentoML's HTTP API, below a path of its own, which its clients learn from the schema.

Their bodies have the parameters by name, rows among them, and their answers no envelope. Source:
BentoML, "BentoML clients" in its documentation.
"""

import asyncio
import base64
import re
from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote

import orjson

from ...data import media
from ...data.codecs import multipart
from ...data.codecs.instances import parse, written
from ...data.depth import check_depth
from ...errors import (
    BadPayload,
    InvalidInput,
    RequestError,
    UnknownModel,
    UnsupportedMediaType,
)
from ...models.operation import Stream
from ..catalog import Catalog
from ..dialect import GET, POST, Rule
from ..dialect_request import DialectRequest
from ..openapi import operation
from ..reply import Reply
from ..served import Served
from .schema import answer_kind, called, described, is_rows, lists_of_files, only

_HOME = "/bentoml"
_LARGE = 1 << 16  # bytes; such a form is read in a thread
_THEIR_OWN = "application/vnd.bentoml+"  # pickles, among others: nothing here unpickles
_MOST_FIELDS = 1000
_ENVELOPE = b'{"predictions":'
_ACCEPTED = {"str": media.TEXT, "bytes": "", "image": ""}


class Bentoml:
    """The schema, and the calls that it lists."""

    name = "bentoml"
    prefixes = (_HOME,)

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def rules(self) -> Sequence[Rule]:
        """The rules of the dialect."""
        return [
            Rule(GET, "/schema.json", self._schema, "/schema.json"),
            Rule(POST, f"{_HOME}/(?P<api>[^/]+)", self._call, f"{_HOME}/{{api}}"),
        ]

    def failure(self, error: RequestError) -> Reply:
        """Errors have the key `error`, which a client shows; a mistake of the client is 400."""
        return Reply.error(error, 400 if isinstance(error, InvalidInput) else None)

    def document(self) -> dict[str, Any]:
        """Its part of openapi.json."""
        return {"/schema.json": {"get": operation("bentoml_schema", "The calls that there are.")}}

    async def _schema(self, _: DialectRequest) -> Reply:
        names = {called(each): each for each in reversed(self._catalog.served())}
        routes = [
            described(each, f"{_HOME}/{quote(name, safe='')}")
            for name, each in reversed(names.items())
        ]
        name = self._catalog.server_name
        return Reply.json({"name": name, "type": "service", "routes": routes})

    async def _call(self, request: DialectRequest) -> Reply:
        served = self._found(request.parts["api"])
        body = await _body(request, lists_of_files(served))
        name = only(served)
        if name is not None:
            body = _enveloped(name, body) if is_rows(served) else _alone(name, body)
        accept = _ACCEPTED.get(answer_kind(served), "" if served.route.streaming else media.JSON)
        answer = await served.call(request, body, media.JSON, accept)
        if isinstance(answer, Stream):
            return Reply(answer.parts, content_type=answer.content_type)
        if answer.content_type == media.JSON and answer.body.startswith(_ENVELOPE):
            return Reply(answer.body[len(_ENVELOPE) : -1])
        return Reply(answer.body, content_type=answer.content_type)

    def _found(self, name: str) -> Served:
        """The call of that name.

        Raises:
            UnknownModel: when there is none.
        """
        found = next((each for each in self._catalog.served() if called(each) == name), None)
        if found is None:
            raise UnknownModel(f"There is no API `{name[:64]}`; GET /schema.json lists them.")
        return found


async def _body(request: DialectRequest, lists: Collection[str]) -> bytes:
    """The parameters as JSON, from JSON or a form; `lists` are always lists."""
    kind = media.essence(request.declared_type)
    if kind.startswith(_THEIR_OWN):
        raise UnsupportedMediaType(f"No decoder for `{kind[:64]}`; send JSON or a form.")
    if kind == media.FORM and not request.body.lstrip().startswith(b"{"):  # JSON of `curl -d`
        return _of_fields(request.body)
    if kind != media.MULTIPART:
        return request.body or b"{}"
    if len(request.body) < _LARGE:
        return _of_form(request.body, request.declared_type, lists)
    return await asyncio.to_thread(_of_form, request.body, request.declared_type, lists)


def _of_form(body: bytes, content_type: str, lists: Collection[str]) -> bytes:
    """Files as base64, and what else there is, which is JSON; several of a name are a list."""
    found: dict[str, list[Any]] = {}
    for part in multipart.loads(body, content_type):
        is_file = part.filename is not None
        value = {"b64": base64.b64encode(part.body).decode()} if is_file else _value(part.body)
        found.setdefault(part.name, []).append(value)
    alone = {name for name, values in found.items() if len(values) == 1} - set(lists)
    return written({n: values[0] if n in alone else values for n, values in found.items()})


def _of_fields(body: bytes) -> bytes:
    """What the client sends for an API that takes files, when it has none."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise BadPayload("The body is not a form that can be read.") from error
    return written({name: _value(text.encode()) for name, text in pairs})


def _enveloped(name: str, body: bytes) -> bytes:
    """Rows under their usual name, without reading any of them."""
    key = re.escape(orjson.dumps(name))
    begun = re.match(rb"\s*+\{\s*+" + key + rb"\s*+:", body)
    return body if begun is None else b'{"instances":' + body[begun.end() :]


def _alone(name: str, body: bytes) -> bytes:
    """The only value of an object; any other value unchanged."""
    value = _value(body)
    return written(value[name]) if type(value) is dict and list(value) == [name] else body


def _value(body: bytes) -> Any:
    """JSON that can be written again."""
    value = parse(body)
    check_depth(value, "the body")
    return value
