"""Torchserve: TorchServe's inference API.

Source: TorchServe, `docs/inference_api.md` and `http/HttpRequestHandler.java`. What manages models
has a port of its own there, and here.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from ...data import media
from ...errors import InvalidInput, ModelDied, RequestError, ServiceDied
from .. import sequence
from ..bodies.raw import Raw, as_text, may_be_text, unquoted
from ..bodies.schemas import json_body, streamed, whole
from ..catalog import Catalog
from ..dialect import GET, Rule
from ..dialect_request import DialectRequest
from ..explainer import explainer
from ..openapi import document, operation
from ..reply import Reply
from ..served import Served
from . import versioned
from .errors import TYPES, no_workflow

_SENT = frozenset({"POST", "PUT"})  # `curl -T` puts
_OPTIONS = frozenset({"OPTIONS"})
_MODEL = r"/(?P<model>[^/]+)(?:/(?P<version>[^/]+))?"
_WORKER_DIED = 507
_FAILED = 500  # and above: not the client's fault
_REFUSED = "BadRequestException"
_SEQUENCES = (b"ts_request_sequence_id", b"ts_request_sequence_end")


class Torchserve:
    """Predictions, explanations, health."""

    name = "torchserve"
    prefixes = ("/predictions", "/explanations")

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def rules(self) -> Sequence[Rule]:
        """The rules of the dialect."""
        name = "{model}"
        return [
            Rule(GET, "/ping", self._ping, "/ping"),
            Rule(_SENT, f"/predictions{_MODEL}", self._predict, f"/predictions/{name}"),
            Rule(_SENT, f"/explanations{_MODEL}", self._explain, f"/explanations/{name}"),
            Rule(_SENT, "/wfpredict/[^/]+", no_workflow, "/wfpredict/{workflow}"),
            Rule(_OPTIONS, "/", self._describe, "OPTIONS /"),
            Rule(GET, "/api-description", self._describe, "/api-description"),
            Rule(_OPTIONS, f"/predictions{_MODEL}", self._describe, f"/predictions/{name}"),
        ]

    def failure(self, error: RequestError) -> Reply:
        """`code`, `type` and `message`, in TorchServe's words."""
        if isinstance(error, ModelDied | ServiceDied):
            return Reply.error(error, _WORKER_DIED, "InternalServerException")
        status = 400 if isinstance(error, InvalidInput) else None
        kind = _REFUSED if error.status < _FAILED else "InternalServerException"
        return Reply.error(error, status, TYPES.get(type(error), kind))

    def document(self) -> dict[str, Any]:
        """Its part of openapi.json."""
        found = {"/ping": {"get": operation("torchserve_ping", "Whether all models are there.")}}
        for served in self._catalog.served():
            path, name = _path(served), served.name
            body, others, summary = json_body(served), whole(served), f"Predictions of {name}."
            texts = {media.TEXT: {"type": "string"}} if may_be_text(served) else {}
            answers = texts | streamed(served)
            operations = {
                verb: operation(f"torchserve_{verb}_{name}", summary, {}, body, others, answers)
                for verb in ("post", "put")
            }
            found.setdefault(path, operations)
        return found

    async def _ping(self, _: DialectRequest) -> Reply:
        is_healthy = self._catalog.reason is None
        return Reply.json(
            {"status": "Healthy" if is_healthy else "Unhealthy"}, 200 if is_healthy else 500
        )

    async def _predict(self, request: DialectRequest) -> Reply:
        return await self._answer(self._found(request), request)

    async def _explain(self, request: DialectRequest) -> Reply:
        return await self._answer(explainer(self._catalog, self._found(request)), request)

    async def _answer(self, served: Served, request: DialectRequest) -> Reply:
        sequence.check_header(request.headers, *_SEQUENCES)
        reply = await Raw(served, request, as_text(served, request.accept)).answer()
        return unquoted(reply, request.accept)

    async def _describe(self, request: DialectRequest) -> Reply:
        """The OpenAPI document of this API, or of one model."""
        paths = self.document()
        if "model" in request.parts:
            path = _path(self._found(request))
            paths = {path: paths[path]}
        return Reply.json(document(self._catalog, paths))

    def _found(self, request: DialectRequest) -> Served:
        parts = request.parts
        return versioned.find(self._catalog, parts["model"], parts.get("version"))


def _path(served: Served) -> str:
    return f"/predictions/{quote(served.name, safe='')}"
