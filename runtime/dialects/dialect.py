"""Dialect: the API of another model server as a list of rules; and the list of all dialects."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from ..errors import RequestError
from .catalog import Catalog
from .dialect_request import DialectRequest
from .prediction_codec import PredictionCodec
from .reply import Reply

GET = frozenset({"GET", "HEAD"})
POST = frozenset({"POST"})


@dataclass(frozen=True)
class Rule:
    """A path pattern and methods, and the function that answers such requests.

    methods   of HTTP; `GET` includes HEAD
    pattern   a regular expression for the whole path, percent-encoded
    name      for the metrics' label `route`, one of `routes.ROUTES`: "/v2/models/{model}/infer"
    codec     decodes and encodes most of these requests without the handler, on the fast path
    """

    methods: frozenset[str]
    pattern: str
    handler: Callable[[DialectRequest], Awaitable[Reply]]
    name: str
    codec: PredictionCodec | None = None


class Dialect(Protocol):
    """The API of one other server.

    name       as in `serve.dialects`
    prefixes   of the dialect's own paths: unknown paths there are refused
               in the dialect's own form. "/v2" is `/v2` and all below it; () claims nothing
    """

    name: str
    prefixes: tuple[str, ...]

    def rules(self) -> Sequence[Rule]:
        """The rules of the dialect; called before models are loaded."""

    def failure(self, error: RequestError) -> Reply:
        """Status and body of an error, as its clients expect them."""

    def document(self) -> dict[str, Any]:
        """Its `paths` for openapi.json."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """The module of a dialect, and its description in `server.py`."""

    module: str  # of this package
    type: str
    meaning: str


_ENTRIES = {
    "v2": _Entry("v2.dialect", "V2", "Open Inference Protocol: /v2/models/{model}/infer, ..."),
    "v1": _Entry("v1.dialect", "V1", "TensorFlow Serving: /v1/models/{model}:predict, ..."),
    "torchserve": _Entry(
        "torchserve.dialect", "Torchserve", "TorchServe: /predictions/{model}, ..."
    ),
    "seldon": _Entry("seldon.dialect", "Seldon", "Seldon Core: /api/v1.0/predictions, ..."),
    "sagemaker": _Entry(
        "sagemaker.dialect", "Sagemaker", "SageMaker: /ping, /invocations, /models"
    ),
    "bentoml": _Entry("bentoml.dialect", "Bentoml", "BentoML: /schema.json, /bentoml/{api}"),
    "vertex": _Entry("vertex", "Vertex", "Vertex AI: $AIP_HEALTH_ROUTE, $AIP_PREDICT_ROUTE"),
}
"""The HTTP dialects, by their names in `serve.dialects`."""

_NATIVE = "the routes above"
_GRPC = "Open Inference Protocol and TensorFlow Serving's Predict, on a port of its own"


def dialects(names: Sequence[str], catalog: Catalog) -> list[Dialect]:
    """The HTTP dialects among `names`, in their order; others are not imported.

    Seldon is last, because it shares `/predict` with Vertex AI.
    """
    known = sorted((name for name in names if name in _ENTRIES), key="seldon".__eq__)
    return [_made(_ENTRIES[name], catalog) for name in known]


def meanings(names: Iterable[str]) -> list[tuple[str, str]]:
    """A short description of each name, for `server.py`."""
    known = {name: entry.meaning for name, entry in _ENTRIES.items()} | {
        "native": _NATIVE,
        "grpc": _GRPC,
    }
    return [(name, known.get(name, "")) for name in names]


def _made(entry: _Entry, catalog: Catalog) -> Dialect:
    made: Dialect = getattr(import_module(f".{entry.module}", __package__), entry.type)(catalog)
    return made
