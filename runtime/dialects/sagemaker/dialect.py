"""Sagemaker: the routes that SageMaker requires of a container, for one or several models.

Sources: AWS, "Custom Inference Code with Hosting Services" and "Custom Containers Contract for
Multi-Model Endpoints"; `sagemaker_inference/environment.py`. The port is chosen elsewhere.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...data import media
from ...data.codecs.instances import parse
from ...errors import BadPayload, InvalidInput, RequestError, UnknownModel
from .. import sequence, web_page
from ..bodies import json_lines, script
from ..bodies.raw import Raw
from ..bodies.schemas import json_body, streamed, tables, whole
from ..catalog import Catalog
from ..dialect import GET, POST, Rule
from ..dialect_request import DialectRequest
from ..lifecycle import Fixed, Lifecycle
from ..openapi import BINARY, operation
from ..reply import Reply
from ..served import Served
from ..triton_form import TritonForm
from . import features, libsvm, recordio, sparse_matrix
from .runtime_api import RuntimeApi

_ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"
_SESSION = b"x-amzn-sagemaker-session-id"
_TARGET = b"x-amzn-sagemaker-target-model"
_MOST = 1024  # bytes of custom attributes
_DEFAULT_ACCEPT = "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"
_MULTI = "SAGEMAKER_MULTI_MODEL"
_ARTIFACT = ".tar.gz"
_DELETE = frozenset({"DELETE"})
_MODEL = r"/models/(?P<model>[^/]+)"
_NAME = "/models/{model}"


class Sagemaker:
    """Ping, invocations, and the models of a multi-model endpoint."""

    name = "sagemaker"
    prefixes = ("/models", "/endpoints")

    def __init__(self, catalog: Catalog, environment: Mapping[str, str] = os.environ) -> None:
        self._catalog = catalog
        self._triton = TritonForm(catalog, "sagemaker")
        self._accept = environment.get(_DEFAULT_ACCEPT, "")
        self._is_multi = environment.get(_MULTI, "").lower() in {"true", "1"}

    def rules(self) -> Sequence[Rule]:
        """The rules of the dialect."""
        return [
            Rule(GET, "/ping", self._ping, "/ping"),
            Rule(POST, "/invocations", self._invoke, "/invocations"),
            Rule(POST, f"{_MODEL}/invoke", self._invoke, f"{_NAME}/invoke"),
            Rule(GET, "/models", self._list, "/models"),
            *([Rule(POST, "/models", self._load, "/models")] if self._is_open else []),
            Rule(GET, _MODEL, self._show, _NAME),
            Rule(_DELETE, _MODEL, self._unload, _NAME),
            *RuntimeApi(self._invoke, self.failure).rules(),
        ]

    def failure(self, error: RequestError) -> Reply:
        """An error; SageMaker passes the body of a 4xx or 5xx to the client."""
        return Reply.error(error, 400 if isinstance(error, InvalidInput) else None)

    def document(self) -> dict[str, Any]:
        """Its part of openapi.json."""
        ping = operation("sagemaker_ping", "Whether all models are there.")
        listed = operation("sagemaker_models", "The models that are loaded.")
        found = {"/ping": {"get": ping}, "/models": {"get": listed}}
        if self._is_open:
            found["/models"]["post"] = operation("sagemaker_load", "Load a model.", {}, _LOAD)
        first = next(iter(self._catalog.served()), None)
        return found if first is None else found | {"/invocations": {"post": _invoked(first)}}

    async def _ping(self, _: DialectRequest) -> Reply:
        reason = self._catalog.reason  # only the status counts
        return Reply.json({"ready": reason is None}, 200 if reason is None else 503)

    async def _invoke(self, request: DialectRequest) -> Reply:
        sequence.check_header(request.headers, _SESSION)
        served = self._found(request)
        accept = self._wanted(request.accept, served)
        if self._triton.is_meant(request, served):
            reply = await self._triton.answer(served, request)
        elif script.is_script(served):
            reply = await script.answer(served, request, accept)
        elif json_lines.is_meant(request.content_type):
            reply = await json_lines.answer(served, request, accept)
        elif (read := _features(request)) is not None:
            reply = await features.answer(served, request, accept, read)
        else:
            reply = await Raw(served, request, accept).answer()
        attributes = request.headers.get(_ATTRIBUTES)
        if attributes is None or len(attributes) > _MOST:
            return reply
        return replace(reply, headers=(*reply.headers, (_ATTRIBUTES, attributes)))

    async def _list(self, _: DialectRequest) -> Reply:
        loaded = [each for each in self._catalog.served() if each.phase == "loaded"]
        return Reply.json({"models": [_described(each) for each in loaded]})

    async def _show(self, request: DialectRequest) -> Reply:
        return Reply.json(_described(self._loaded(self._named(request, request.parts["model"]))))

    async def _load(self, request: DialectRequest) -> Reply:
        """Load a model of the bundle by its name; its `url` is ignored."""
        web_page.check(request.headers)
        document = parse(request.body)
        name = document.get("model_name") if type(document) is dict else None
        if type(name) is not str or not name:
            raise BadPayload("Expected an object with `model_name` and `url`.")
        name = self._named(request, name)
        if self._is_known(name) and self._catalog.find(name).phase == "loaded":
            raise AlreadyLoaded(f"Model `{name[:64]}` is already loaded.")
        await self._lifecycle.load(name)
        version = self._catalog.find(name).version
        status = f'Model "{name}" Version: {version} registered with 1 initial workers'
        return Reply.json({"status": status})

    async def _unload(self, request: DialectRequest) -> Reply:
        web_page.check(request.headers)
        served = self._loaded(self._named(request, request.parts["model"]))
        await self._lifecycle.unload(served.name)
        return Reply.json({"status": f'Model "{served.name}" unregistered'})

    @property
    def _is_open(self) -> bool:
        """Whether models can be loaded and unloaded; else `/models` is only a list."""
        return not isinstance(self._lifecycle, Fixed)

    @property
    def _lifecycle(self) -> Lifecycle:
        """The lifecycle, if SageMaker runs several models or the bundle allows changes."""
        return self._catalog.control if self._is_multi else self._catalog.lifecycle

    def _loaded(self, name: str) -> Served:
        served = self._catalog.find(name)
        if served.phase != "loaded":
            raise UnknownModel(f"Model `{name[:64]}` is not loaded.")
        return served

    def _found(self, request: DialectRequest) -> Served:
        """The model of the path, of the header, or the first."""
        name = self._named(request, request.parts.get("model", ""))
        return self._catalog.find(name) if name else self._catalog.first()

    def _named(self, request: DialectRequest, name: str) -> str:
        """The name of a model: `name` if there is such a model, else the one in the header.

        A multi-model endpoint makes up its names; the header has the artifact that clients name.
        """
        name = name.removesuffix(_ARTIFACT)
        target = request.headers.get(_TARGET, b"").decode("latin-1").removesuffix(_ARTIFACT)
        return name if not target or (name and self._is_known(name)) else target

    def _is_known(self, name: str) -> bool:
        try:
            self._catalog.find(name)
        except UnknownModel:
            return False
        return True

    def _wanted(self, accept: str, served: Served) -> str:
        """The accepted type of the client, else the one in the environment, else JSON."""
        if accept.strip() not in {"", "*/*"}:
            return accept
        is_stream = served.signature is None and served.route.streaming  # which is no JSON
        return self._accept or ("" if is_stream else media.JSON)


_LOAD: dict[str, Any] = {
    "type": "object",
    "properties": {"model_name": {"type": "string", "minLength": 1}, "url": {}},
    "required": ["model_name"],
}


def _invoked(served: Served) -> dict[str, Any]:
    if script.is_script(served):  # only the class knows its types
        return operation("sagemaker_invoke", "What the script answers.", {}, {})
    others = whole(served) | tables(served) | {json_lines.TYPE: BINARY}
    summary = "Predictions of the first model."
    return operation("sagemaker_invoke", summary, {}, json_body(served), others, streamed(served))


def _features(request: DialectRequest) -> features.Read | None:
    """The reader of a format that only SageMaker's clients send, or None."""
    kind = request.content_type
    if libsvm.is_meant(kind):
        return libsvm.read
    if recordio.is_meant(kind):
        return recordio.read
    return sparse_matrix.read if sparse_matrix.is_meant(kind, request.body) else None


class AlreadyLoaded(RequestError):
    """The model is loaded already."""

    status = 409


def _described(served: Served) -> dict[str, str]:
    """A model as a multi-model endpoint lists it; our models have digests, and no directory."""
    identity = f"{served.name}:{served.version}"
    return {"modelName": served.name, "modelUrl": identity}
