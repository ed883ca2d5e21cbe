"""Seldon: the prediction protocol of Seldon Core v1, external and behind its ingress.

Source: Seldon Core's documentation, "Seldon Protocol" and "External Prediction API"; the fields are
listed in our own words.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from ...data import media
from ...data.payload import Codec
from ...data.rows import extent
from ...errors import InvalidInput, RequestError
from ...models.operation import Stream
from ...printable import printable
from .. import work
from ..bodies import pictures
from ..catalog import Catalog
from ..dialect import GET, POST, Rule
from ..dialect_request import DialectRequest
from ..openapi import document
from ..reply import Reply, error_headers
from ..served import Served
from . import component
from .answer import answered, called, described, graph
from .feedback import Feedback
from .form import body_of, value_in, value_of
from .message import Message
from .openapi import paths

_JSON_STARTS = frozenset({b"{", b" ", b"\n", b"\r", b"\t"})
_API = r"(?:/seldon/(?P<namespace>[^/]+)/(?P<model>[^/]+))?/api/v(?:0\.1|1\.0)"
_ONE = rf"{_API}/metadata/(?P<component>[^/]+)"
_NAME = "/api/v1.0"
_STATUS = f"{_NAME}/health/status"
_SERVER_ERROR = 500
_EITHER = GET | POST  # as Seldon's wrapper has it: a message may stand in the query


class Seldon:
    """Predictions, feedback, metadata, health."""

    name = "seldon"
    prefixes = ("/api/v1.0", "/api/v0.1", "/seldon")

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def rules(self) -> Sequence[Rule]:
        """What it answers."""
        return [
            Rule(POST, f"{_API}/predictions", self._predict, f"{_NAME}/predictions"),
            Rule(POST, f"{_API}/feedback", self._feedback, f"{_NAME}/feedback"),
            Rule(_EITHER, "/predict", self._predict, f"{_NAME}/predictions"),
            Rule(_EITHER, "/send-feedback", self._feedback, f"{_NAME}/feedback"),
            Rule(_EITHER, "/transform-(?P<side>input|output)", self._transform, "/transform"),
            Rule(_EITHER, "/route", self._route, "/route"),
            Rule(_EITHER, "/aggregate", self._aggregate, "/aggregate"),
            Rule(GET, f"{_API}/health/status|/health/status", self._health, _STATUS),
            Rule(GET, f"{_API}/health/ping|/health/ping", self._ping, "/health/ping"),
            Rule(GET, f"{_API}/metadata", self._graph, f"{_NAME}/metadata"),
            Rule(GET, "/metadata", self._component, f"{_NAME}/metadata"),
            Rule(GET, _ONE, self._one, f"{_NAME}/metadata/{{model}}"),
            Rule(GET, f"{_API}/doc\\.json|/seldon\\.json", self._describe, f"{_NAME}/doc.json"),
        ]

    def failure(self, error: RequestError) -> Reply:
        """A `status` object; what a client can mend is bad data, and 400."""
        status = 400 if isinstance(error, InvalidInput) else error.status
        is_ours = status >= _SERVER_ERROR
        status_object = {
            "status": 1,
            "info": printable(error.detail),
            "code": -1,
            "reason": f"MICROSERVICE_{'INTERNAL_ERROR' if is_ours else 'BAD_DATA'}",
        }
        return Reply(orjson.dumps({"status": status_object}), status, headers=error_headers(error))

    def document(self) -> dict[str, Any]:
        """Its part of openapi.json."""
        return paths(self._catalog)

    # --- predictions ---

    async def _predict(self, request: DialectRequest) -> Reply:
        served = self._found(request)
        if served.signature is None:
            return await self._call(served, request)
        message, batch = await self._read(served, request)
        output = await served.answer(request, batch)
        context = {"message": message.to_json()}
        reply = await work.write(served, request.deadline, "seldon", context, output)
        return _encoded(served, message, output) if reply is None else reply

    async def _read(self, served: Served, request: DialectRequest) -> tuple[Message, Any]:
        body, kind = body_of(request)
        is_json = body[:1] in _JSON_STARTS
        is_foreign = pictures.may_be_in(served, body) if is_json else pictures.are_taken(served)
        read = await work.read(
            served, request.deadline, "seldon", {"content_type": kind}, body, is_foreign=is_foreign
        )
        if read is None:
            return await work.here(body, _read, served.codec, body, kind)
        note, batch = read
        return Message.from_json(note), batch

    async def _call(self, served: Served, request: DialectRequest) -> Reply:
        message = await work.here(request.body, _message, request)
        answer = await called(served, request, message)
        if isinstance(answer, Stream):
            return Reply(answer.parts, content_type=answer.content_type)
        return await work.here(request.body, Reply.json, answer)

    async def _feedback(self, request: DialectRequest) -> Reply:
        served = self._found(request)
        feedback = Feedback.of(value_of(request))
        feedback.note(self._catalog, served)
        return Reply.json({"meta": {"puid": feedback.puid}})

    # --- as a component that is no model ---

    async def _transform(self, request: DialectRequest) -> Reply:
        name = f"transform_{request.parts['side']}"
        value = value_of(request)
        return Reply.json(await component.transformed(self._catalog, request, value, name=name))

    async def _route(self, request: DialectRequest) -> Reply:
        return Reply.json(await component.routed(self._catalog, request, value_of(request)))

    async def _aggregate(self, request: DialectRequest) -> Reply:
        return Reply.json(await component.aggregated(self._catalog, request, value_of(request)))

    # --- what there is ---

    async def _health(self, _: DialectRequest) -> Reply:
        reason = self._catalog.reason
        if reason is None:
            return Reply.json({"status": {"status": 0, "info": "ready", "code": 200}})
        return Reply.json({"status": {"status": 1, "info": f"Not ready: {reason}."}}, 503)

    async def _ping(self, _: DialectRequest) -> Reply:
        return Reply(b"pong", content_type=media.TEXT)

    async def _graph(self, _: DialectRequest) -> Reply:
        return Reply.json(graph(self._catalog))

    async def _component(self, _: DialectRequest) -> Reply:
        """For an orchestrator, of which the server is one component."""
        return Reply.json(described(self._catalog.first()))

    async def _one(self, request: DialectRequest) -> Reply:
        return Reply.json(described(self._catalog.find(request.parts["component"])))

    async def _describe(self, _: DialectRequest) -> Reply:
        return Reply.json(document(self._catalog, self.document()))

    def _found(self, request: DialectRequest) -> Served:
        """The model that the path names, or the first; the server's own name is the first, too."""
        name = request.parts.get("model")
        if name and name != self._catalog.server_name:
            return self._catalog.find(name)
        return self._catalog.first()


def _message(request: DialectRequest) -> Message:
    return Message.of(value_of(request))


def _read(codec: Codec, body: bytes, content_type: str) -> tuple[Message, Any]:
    extent.check(codec.inputs, codec.max_rows, body)
    message = Message.of(value_in(body, content_type))
    return message, message.batch(codec)


def _encoded(served: Served, message: Message, output: Any) -> Reply:
    return Reply.json(answered(served, message, output))


def read_elsewhere(catalog: Catalog, context: work.Json, body: bytes) -> work.Reading:
    """As `Seldon` reads a large body: all of the message but its content, and the batch."""
    codec = work.of(catalog, context).codec
    message, batch = _read(codec, body, context["content_type"])
    return work.Reading(message.to_json(), codec.inputs, batch)


def write_elsewhere(catalog: Catalog, context: work.Json, output: Any) -> Reply:
    """As `Seldon` says a large answer."""
    return _encoded(work.of(catalog, context), Message.from_json(context["message"]), output)
