"""V1: TensorFlow Serving's REST API, which KServe calls its V1 protocol.

Sources: TensorFlow Serving, `g3doc/api_rest.md` and `http_rest_api_util.cc`; KServe, "V1 Inference
Protocol".
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from ...data import media
from ...errors import BadPayload, InvalidInput, RequestError, UnknownModel
from ..catalog import Catalog
from ..dialect import GET, POST, Rule
from ..dialect_request import DialectRequest
from ..explainer import explainer
from ..reply import Reply
from ..served import Served
from . import signature_def, status
from .cloud_event import CloudEvent
from .openapi import paths
from .predict import Predict
from .prediction import Prediction, RequestBody

# Whatever is fixed is read in any case; of names and versions the case counts.
_MODELS = r"(?i:/v1/models)"
_MODEL = (
    rf"{_MODELS}/(?P<model>[^/:]+)"
    r"(?:(?i:/versions/)(?P<version>[^/:]+))?(?:(?i:/labels/)(?P<label>[^/:]+))?"
)
_NAME = "/v1/models/{model}"
_METRICS = "/monitoring/prometheus/metrics"
_DEFAULT = "0"  # what clients of OpenVINO's model server send for no version

Answer = Callable[[Prediction, RequestBody], Awaitable[Reply]]


class V1:
    """Predict, classify, regress and explain; status and metadata."""

    name = "v1"
    prefixes = ("/v1/models",)

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def rules(self) -> Sequence[Rule]:
        """The rules of the dialect."""
        verbs = {
            "predict": Prediction.predicted,
            "classify": Prediction.classified,
            "regress": Prediction.regressed,
        }
        return [
            *(self._verb(verb, answer) for verb, answer in verbs.items()),
            Rule(POST, rf"{_MODEL}:(?i:explain)", self._explain, f"{_NAME}:explain"),
            Rule(GET, rf"{_MODEL}(?i:/metadata)", self._metadata, f"{_NAME}/metadata"),
            Rule(GET, _MODEL, self._status, _NAME),
            Rule(GET, _MODELS, self._list, "/v1/models"),
            Rule(GET, _METRICS, self._metrics, _METRICS),
        ]

    def failure(self, error: RequestError) -> Reply:
        """Bad input of any kind is INVALID_ARGUMENT, which is 400; else the codes are the same."""
        return Reply.error(error, 400 if isinstance(error, InvalidInput) else None)

    def document(self) -> dict[str, Any]:
        """Its part of openapi.json."""
        return paths(self._catalog)

    def _verb(self, verb: str, answer: Answer) -> Rule:
        async def handle(request: DialectRequest) -> Reply:
            prediction = Prediction(self._catalog, self._found(request), request)
            event = CloudEvent.of(request)
            if event is None:
                return await answer(prediction, RequestBody(request.body, request.content_type))
            reply = await answer(prediction, RequestBody(event.body, event.content_type))
            return event.answered(prediction.served.name, reply)

        codec = Predict(self._catalog, self._found_at) if verb == "predict" else None
        return Rule(POST, rf"{_MODEL}:(?i:{verb})", handle, f"{_NAME}:{verb}", codec)

    async def _explain(self, request: DialectRequest) -> Reply:
        served = explainer(self._catalog, self._found(request))
        sent = RequestBody(request.body, request.content_type)
        return await Prediction(self._catalog, served, request).explained(sent)

    async def _metadata(self, request: DialectRequest) -> Reply:
        served = self._found(request)
        methods = self._catalog.signatures(served)
        version = str(self._catalog.number(served))
        return Reply.json(signature_def.metadata(served.name, version, methods))

    async def _status(self, request: DialectRequest) -> Reply:
        served, version = self._found(request), request.parts.get("version")
        is_one = bool(request.parts.get("label")) or names_one(
            version, self._catalog.number(served)
        )
        versions = status.versions(self._catalog, served, is_one=is_one)
        return status.reply(served, {self._catalog.number(each): each for each in versions})

    async def _list(self, _: DialectRequest) -> Reply:
        return status.listed(self._catalog.served())

    async def _metrics(self, _: DialectRequest) -> Reply:
        return Reply(await self._catalog.numbers(), content_type=media.PROMETHEUS)

    def _found(self, request: DialectRequest) -> Served:
        return self._found_at(request.parts)

    def _found_at(self, parts: Mapping[str, str]) -> Served:
        version, label = parts.get("version"), parts.get("label")
        if version and label:
            raise BadPayload("Both a version and a label are in the path; give one of them.")
        return labeled(self._catalog, parts["model"], version, label)


def labeled(catalog: Catalog, name: str, version: str | None, label: str | None) -> Served:
    """The model with a version label; an unknown label is a 400, unlike an unknown version.

    Version 0 is the default one, unless there is one that is called so.

    Raises:
        UnknownModel: when there is no such model or version.
        BadPayload: for a label that it does not have.
    """
    try:
        return catalog.find(name, version, label)
    except UnknownModel as error:
        if version == _DEFAULT:
            return catalog.find(name)
        if label is None:
            raise
        catalog.find(name)
        raise BadPayload(error.detail) from None


def names_one(version: str | None, found: int) -> bool:
    """Whether a request for `version`, where number `found` was found, means that one alone."""
    return bool(version) and (version != _DEFAULT or found == int(_DEFAULT))
