"""Vertex: the routes that Vertex AI names to a custom container, in the environment.

Source: Google Cloud, "Custom container requirements for inference". The port, and Cloud Run's, is
`process.sockets.address`'s business.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import orjson

from ..data import media
from ..errors import InvalidInput, NotSupported, RequestError
from .bodies.raw import Raw
from .bodies.schemas import streamed
from .catalog import Catalog
from .dialect import GET, POST, Rule
from .dialect_request import DialectRequest
from .openapi import operation
from .reply import Reply
from .served import Served
from .triton_form import TritonForm
from .v1.openapi import request_body
from .v1.prediction import Prediction, RequestBody

_HEALTH = "AIP_HEALTH_ROUTE"
_PREDICT = "AIP_PREDICT_ROUTE"
_ENDPOINT = "AIP_ENDPOINT_ID"
_DEPLOYED = "AIP_DEPLOYED_MODEL_ID"
_DEFAULT_HEALTH = "/health"
_DEFAULT_PREDICT = "/predict"
_NO_PARAMETERS: dict[str, Any] = {"parameters": {"enum": [None, {}]}}
_REDIRECT = b"x-vertex-ai-triton-redirect"
_INFER = re.compile(r"/?v2/models/([^/]+)(?:/versions/([^/]+))?/infer")


class Vertex:
    """Health and predictions of the server's first model, under the names it was given."""

    name = "vertex"
    prefixes = ()

    def __init__(self, catalog: Catalog, environment: Mapping[str, str] = os.environ) -> None:
        self._catalog = catalog
        self._triton = TritonForm(catalog, "vertex-ai")
        self._health_route, self._predict_route = routes(environment)
        self._deployed = environment.get(_DEPLOYED, "")

    def rules(self) -> Sequence[Rule]:
        """The rules of the dialect."""
        health, predict = self._health_route, self._predict_route
        return [
            Rule(GET, re.escape(health), self._health, _HEALTH),
            Rule(POST, re.escape(predict), self._predict, _PREDICT),
        ]

    def failure(self, error: RequestError) -> Reply:
        """As the superset has it: Vertex AI hands on whatever it is."""
        return Reply.error(error, 400 if isinstance(error, InvalidInput) else None)

    def document(self) -> dict[str, Any]:
        """Its OpenAPI document, with the default routes: a bundle does not know its environment."""
        health, predict = routes({})
        first = next(iter(self._catalog.served()), None)
        body = {} if first is None else request_body(self._catalog, first, _NO_PARAMETERS)
        answer = {"type": "object", "properties": {"predictions": {}}}
        summary, parts = "Predictions of the first model.", {} if first is None else streamed(first)
        posted = operation("vertex_predict", summary, answer, body, answers=parts)
        shown = operation("vertex_health", "Whether the server is ready.")
        return {health: {"get": shown}, predict: {"post": posted}}

    async def _health(self, _: DialectRequest) -> Reply:
        reason = self._catalog.reason
        if reason is None:
            return Reply.json({"status": "healthy"})
        return Reply.json({"status": "unhealthy", "error": f"Not ready: {reason}."}, 503)

    async def _predict(self, request: DialectRequest) -> Reply:
        served = self._served(request)
        if self._triton.is_meant(request, served):
            return await self._triton.answer(served, request)
        sent = RequestBody(request.body, request.content_type)
        if not sent.is_json:  # `rawPredict` passes any body on
            return await Raw(served, request).answer()
        reply = await Prediction(self._catalog, served, request).predicted(sent, "parameters")
        return self._named(reply)

    def _named(self, reply: Reply) -> Reply:
        """Add the id of the deployed model, if Vertex AI has set it, to an answer that is JSON."""
        if (
            not self._deployed
            or not isinstance(reply.body, bytes)
            or reply.content_type != media.JSON
        ):
            return reply
        end = b',"deployedModelId":' + orjson.dumps(self._deployed) + b"}"
        return replace(reply, body=reply.body.rstrip()[:-1] + end)

    def _served(self, request: DialectRequest) -> Served:
        """The model that a client of Triton's wishes to be sent on to, or the first."""
        target = request.headers.get(_REDIRECT)
        if target is not None:
            match = _INFER.fullmatch(target.decode("latin-1"))
            if match is None:
                raise NotSupported("Requests are sent on to `v2/models/{model}/infer` only.")
            return self._catalog.find(unquote(match[1]), match[2])
        return self._catalog.first()


def routes(environment: Mapping[str, str]) -> tuple[str, str]:
    """The paths of health checks and predictions, from the environment of Vertex AI."""
    deployed = environment.get(_DEPLOYED)
    if deployed:
        endpoint = environment.get(_ENDPOINT, "")
        base = f"/v1/endpoints/{endpoint}/deployedModels/{deployed}"
        usual = base, f"{base}:predict"
    else:
        usual = _DEFAULT_HEALTH, _DEFAULT_PREDICT
    return environment.get(_HEALTH) or usual[0], environment.get(_PREDICT) or usual[1]
