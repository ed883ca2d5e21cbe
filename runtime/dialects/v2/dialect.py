"""V2: the Open Inference Protocol over REST, as clients of Triton, KServe and MLServer speak it.

Source: github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md, and
Triton's extensions of it.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from ...errors import RequestError
from ..catalog import Catalog
from ..dialect import GET, POST, Rule
from ..dialect_request import DialectRequest
from ..openapi import document
from ..reply import Reply
from ..served import Served
from . import metadata
from .generate import Generate
from .infer_stream import InferStream
from .inference.infer import Infer
from .openapi import paths
from .repository import Repository
from .shared_memory import SharedMemory
from .statistics import statistics
from .trace_settings import TraceSettings

_BAD = 400
_NOT_READY = 503
_KEPT = frozenset({404, 405, 408, 429, 499, 500, 501, 503, 504})
"""The statuses of errors; all others become 400."""

_ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}
_MODEL = "/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?"
_NAME = "/v2/models/{model}"
_DESCRIBED = f"{_NAME}/docs/dataplane.json"
_REPOSITORY = "/v2/repository(?:/(?P<repository>[^/]+))?"


class V2:
    """The Dialect."""

    name = "v2"
    prefixes = ("/v2",)

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._infer = Infer(catalog)

    def rules(self) -> Sequence[Rule]:
        """The rules of the dialect, the most frequent first."""
        repository, infer = Repository(self._catalog), self._infer
        stream = InferStream(self._catalog, infer, Generate(self._catalog))
        one = f"{_REPOSITORY}/models/(?P<model>[^/]+)"
        return [
            Rule(POST, f"{_MODEL}/infer", infer.answer, f"{_NAME}/infer", infer),
            Rule(POST, f"{_MODEL}/infer_stream", stream.answer, f"{_NAME}/infer_stream"),
            Rule(POST, f"{_MODEL}/generate", stream.generate, f"{_NAME}/generate"),
            Rule(
                POST,
                f"{_MODEL}/generate_stream",
                stream.generate_stream,
                f"{_NAME}/generate_stream",
            ),
            Rule(GET, "/v2/health/live", self._live, "/v2/health/live"),
            Rule(GET, "/v2/health/ready", self._ready, "/v2/health/ready"),
            Rule(GET, "/v2", self._server, "/v2"),
            Rule(GET, "/v2/models", self._models, "/v2/models"),
            Rule(GET, "/v2/models/stats", self._all_statistics, "/v2/models/stats"),
            Rule(GET, "/v2/docs/dataplane.json", self._described, "/v2/docs/dataplane.json"),
            Rule(GET, f"{_MODEL}/docs/dataplane.json", self._described, _DESCRIBED),
            Rule(GET, f"{_MODEL}/ready", self._model_ready, f"{_NAME}/ready"),
            Rule(GET, f"{_MODEL}/config", self._config, f"{_NAME}/config"),
            Rule(GET, f"{_MODEL}/stats", self._statistics, f"{_NAME}/stats"),
            Rule(GET, _MODEL, self._metadata, _NAME),
            Rule(POST, f"{_REPOSITORY}/index", repository.index, "/v2/repository/index"),
            Rule(POST, f"{one}/load", repository.load, "/v2/repository/models/{model}/load"),
            Rule(POST, f"{one}/unload", repository.unload, "/v2/repository/models/{model}/unload"),
            *TraceSettings(self._catalog).rules(),
            *SharedMemory(self._catalog).rules(),
        ]

    def failure(self, error: RequestError) -> Reply:
        """Status and body of an error: what Triton has no status for is a 400."""
        return Reply.error(error, error.status if error.status in _KEPT else _BAD)

    def document(self) -> dict[str, Any]:
        """Its `paths` for openapi.json."""
        return paths(self._catalog)

    async def _described(self, request: DialectRequest) -> Reply:
        """An OpenAPI document of this API, or of one model's part of it, where MLServer has it."""
        shown = self.document()
        if "model" in request.parts:
            home = f"/v2/models/{quote(self._find(request).name, safe='')}"
            shown = {
                path: each for path, each in shown.items() if f"{path}/".startswith(f"{home}/")
            }
        errors = {"components": {"schemas": {"Error": _ERROR}}}
        return Reply.json(document(self._catalog, shown) | errors)

    # --- how it is ---

    async def _server(self, _: DialectRequest) -> Reply:
        catalog = self._catalog
        return Reply.json(
            {
                "name": catalog.server_name,
                "version": catalog.server_version,
                "extensions": metadata.extensions(catalog.regions),
            }
        )

    async def _live(self, _: DialectRequest) -> Reply:
        return Reply.json({"live": True})

    async def _ready(self, _: DialectRequest) -> Reply:
        why = self._catalog.reason
        if why is None:
            return Reply.json({"live": True, "ready": True})
        return Reply.json({"live": True, "ready": False, "error": f"Not ready: {why}."}, _NOT_READY)

    async def _model_ready(self, request: DialectRequest) -> Reply:
        served, name = self._find(request), request.parts["model"]
        why = served.why
        if why is None:
            return Reply.json({"name": name, "ready": True})
        message = f"Model `{served.name}` is not ready: {why}."
        return Reply.json({"name": name, "ready": False, "error": message}, _NOT_READY)

    # --- metadata ---

    async def _models(self, _: DialectRequest) -> Reply:
        names = dict.fromkeys(served.name for served in self._catalog.served())
        return Reply.json({"models": list(names)})

    async def _metadata(self, request: DialectRequest) -> Reply:
        served = self._find(request)
        versions = [each.version for each in self._catalog.versions(served)]
        return Reply.json(metadata.metadata(served, request.parts["model"], versions))

    async def _config(self, request: DialectRequest) -> Reply:
        return Reply.json(metadata.config(self._find(request), request.parts["model"]))

    async def _statistics(self, request: DialectRequest) -> Reply:
        counts = self._counted(self._find(request)) | {"name": request.parts["model"]}
        return Reply.json({"model_stats": [counts]})

    async def _all_statistics(self, _: DialectRequest) -> Reply:
        return Reply.json({"model_stats": [self._counted(each) for each in self._catalog.all()]})

    def _counted(self, served: Served) -> dict[str, Any]:
        return statistics(served, self._catalog.number(served))

    def _find(self, request: DialectRequest) -> Served:
        return self._catalog.find(request.parts["model"], request.parts.get("version"))
