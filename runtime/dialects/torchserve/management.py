"""Management: TorchServe's management API over the models of the bundle.

Source: TorchServe, docs/management_api.md and `http/api/rest/ManagementRequestHandler.java`.

What it registers are versions that the bundle has: their digests stand in its manifest, and
whoever trusts the bundle trusts them. Where `serve.registration` is `store`, also models of the
store beside the server, as far as this machine trusts them. It fetches nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ...data import media
from ...data.codecs.instances import parse
from ...errors import BadPayload, RequestError, UnknownModel
from ..catalog import Catalog
from ..dialect import GET, POST, Rule
from ..dialect_request import DialectRequest
from ..lifecycle import AlreadyHere
from ..openapi import document, operation
from ..reply import Reply
from ..served import Served
from . import metrics, versioned
from .description import Process, described, named, workers_of
from .errors import TYPES, no_workflow

log = logging.getLogger(__name__)

_MODEL = r"/models/(?P<model>[^/]+)/?"
_VERSION = r"/models/(?P<model>[^/]+)/(?P<version>[^/]+)"
_ANY = frozenset({"GET", "POST", "PUT", "DELETE"})
_MOST_LISTED = 100
_MOST_WORKERS = 1024
_LONGEST = 9  # digits of a number
_MOST = 999_999_999
_ARCHIVE = ".mar"
_RUNTIMES = frozenset({"", "python", "python2", "python3"})


class InUse(RequestError):
    """The default version cannot be removed while there are others."""

    status = 403


class Management:
    """Lists, describes, registers, scales and unregisters models.

    `processes` are those of the server, with their labels.
    """

    name = "management"
    prefixes: tuple[str, ...] = ("/models", "/metrics")

    def __init__(self, catalog: Catalog, processes: Callable[[], Iterable[Process]]) -> None:
        self._catalog = catalog
        self._processes = processes
        self._tasks: set[asyncio.Task[None]] = set()

    def rules(self) -> Sequence[Rule]:
        """The rules of the dialect."""
        put, delete = frozenset({"PUT"}), frozenset({"DELETE"})
        one, version = "/models/{model}", "/models/{model}/{version}"
        return [
            Rule(GET, "/models", self._list, "/models"),
            Rule(POST, "/models", self._register, "/models"),
            Rule(GET, _MODEL, self._describe, one),
            Rule(put, _MODEL, self._scale, one),
            Rule(delete, _MODEL, self._unregister, one),
            Rule(GET, f"{_VERSION}/?", self._describe, version),
            Rule(put, f"{_VERSION}/?", self._scale, version),
            Rule(delete, f"{_VERSION}/?", self._unregister, version),
            Rule(put, rf"{_VERSION}/set-default/?", self._prefer, f"{version}/set-default"),
            Rule(GET, "/metrics", self._metrics, "/metrics"),
            Rule(_ANY, "/workflows(?:/[^/]+)?", no_workflow, "/workflows"),
            Rule(frozenset({"OPTIONS"}), "/", self._document, "OPTIONS /"),
        ]

    def failure(self, error: RequestError) -> Reply:
        """`code`, `type` and `message`, in TorchServe's words."""
        return Reply.error(error, kind=TYPES.get(type(error), _kind(error)))

    def document(self) -> dict[str, Any]:
        """Its paths, for OPTIONS."""
        model = "/models/{model_name}"
        return {
            "/models": {
                "get": operation("listModels", "The registered models."),
                "post": operation("registerModel", "Register a model of the bundle."),
            },
            model: {
                "get": operation("describeModel", "What a model is, and its workers."),
                "put": operation("setAutoScale", "How many workers a model has."),
                "delete": operation("unregisterModel", "Unregister a model."),
            },
            f"{model}/{{model_version}}/set-default": {
                "put": operation("setDefault", "Have a version be what the name means.")
            },
            "/metrics": {"get": operation("metrics", "Numbers for Prometheus.")},
        }

    # --- listing ---

    async def _list(self, request: DialectRequest) -> Reply:
        limit = min(_number(request.query, "limit", _MOST_LISTED, _MOST), _MOST_LISTED)
        start = _number(request.query, "next_page_token", 0, _MOST)
        names = dict.fromkeys(each.name for each in self._catalog.served() if _is_registered(each))
        known = [self._catalog.find(name) for name in names]
        listed: dict[str, Any] = {"models": [named(each) for each in known[start : start + limit]]}
        if start + limit < len(known):
            listed["nextPageToken"] = str(start + limit)
        return Reply.json(listed)

    async def _describe(self, request: DialectRequest) -> Reply:
        version = request.parts.get("version")
        if version == "all":
            default = self._registered(request, None)
            found = list(filter(_is_registered, self._catalog.versions(default)))
        else:
            found = [self._registered(request, version)]
        processes = list(self._processes())
        return Reply.json([described(each, processes) for each in found])

    async def _metrics(self, request: DialectRequest) -> Reply:
        name = request.query.get("name[]")
        wanted = {name} if name else ()
        body = metrics.text(self._catalog.served(), wanted)
        body += metrics.answered(await self._catalog.numbers(), wanted)
        return Reply(body, content_type=media.PROMETHEUS)

    async def _document(self, _: DialectRequest) -> Reply:
        return Reply.json(document(self._catalog, self.document()))

    # --- what changes ---

    async def _register(self, request: DialectRequest) -> Reply:
        """Load a version of the bundle, or add a model of the store if that is allowed."""
        parameters = _parameters(request)
        _check(parameters)
        url = parameters["url"]
        served = self._named(url)
        names = {_name_in(url)} if served is None else {served.name, served.alias}
        if parameters.get("model_name", min(names)) not in names:
            raise BadPayload(f"`{url[:64]}` is called `{min(names)}` here, and nothing else.")
        workers = _number(parameters, "initial_workers", 0)
        if served is None:
            alias = await self._catalog.control.register(_reference(url), workers)
            served = self._catalog.of_alias(alias)
        elif _is_registered(served):
            raise AlreadyHere(
                f"Model version {served.version} is already registered for model {served.name}."
            )
        else:
            await self._bring(served, workers)
        count = max(workers, len(workers_of(served, self._processes())), 1)  # it is loaded
        return Reply.json(
            {
                "status": f'Model "{served.name}" Version: {served.version} registered with '
                f"{count} initial workers"
            }
        )

    async def _scale(self, request: DialectRequest) -> Reply:
        """Have so many workers; none is to unload it."""
        version = request.parts.get("version")
        served = versioned.find(self._catalog, request.parts["model"], version)
        parameters = request.query
        if any(parameters.get(name, "").startswith("-") for name in ("min_worker", "max_worker")):
            raise BadPayload("A number of workers is not negative.")
        least = _number(parameters, "min_worker", 1)
        most = _number(parameters, "max_worker", max(least, 1))
        if most < least:
            raise BadPayload("max_worker cannot be less than min_worker.")
        if most == 0:
            change = self._catalog.control.unload_version(served.alias)
        elif least == 0:
            change = self._bring(served, 1)
        else:
            change = self._catalog.control.scale(served.alias, least)
        if parameters.get("synchronous", "false").lower() == "true":
            await change
            return Reply.json(
                {"status": f"Workers scaled to {least} for model: {served.name}"}, 200
            )
        task = asyncio.get_running_loop().create_task(_logged(change))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Reply.json({"status": "Processing worker updates..."}, 202)

    async def _prefer(self, request: DialectRequest) -> Reply:
        served = self._registered(request, request.parts["version"])
        await self._catalog.control.prefer(served.alias)
        status = f"Default version successfully updated for model {served.name} to {served.version}"
        return Reply.json({"status": status})

    async def _unregister(self, request: DialectRequest) -> Reply:
        version = request.parts.get("version")
        served = self._registered(request, version)
        others = [
            each
            for each in self._catalog.versions(served)
            if each is not served and _is_registered(each)
        ]
        if others and self._catalog.find(served.name).alias == served.alias:
            raise InUse(f"Cannot remove default version for model {served.name}")
        await self._catalog.control.unregister(served.alias)
        return Reply.json({"status": f'Model "{served.name}" unregistered'})

    # --- names ---

    def _registered(self, request: DialectRequest, version: str | None) -> Served:
        served = versioned.find(self._catalog, request.parts["model"], version)
        if not _is_registered(served):
            raise UnknownModel(f"Model not found: {served.name}")
        return served

    def _named(self, url: str) -> Served | None:
        """The version that `url` names: a name, an alias, or `name:version`; None if it is empty.

        `name.mar`, an archive of TorchServe, means the model of that name.
        """
        name, _, version = _reference(url).partition(":")
        try:
            return self._catalog.find(name, version or None)
        except UnknownModel:
            return None

    async def _bring(self, served: Served, workers: int) -> None:
        if workers:
            await self._catalog.control.scale(served.alias, workers)
        else:
            await self._catalog.control.load_version(served.alias)


def _parameters(request: DialectRequest) -> Mapping[str, str]:
    """The parameters of a registration: from the query, overridden by a JSON object.

    Raises:
        BadPayload: when the body is JSON, but not an object.
    """
    if media.essence(request.content_type) != media.JSON or not request.body:
        return request.query
    document = parse(request.body)
    if type(document) is not dict:
        raise BadPayload("The body is not an object with `url`.")
    flags = {name: str(each).lower() for name, each in document.items() if type(each) is bool}
    plain = {name: str(each) for name, each in document.items() if type(each) in {str, int}}
    return {**request.query, **plain, **flags}


def _reference(url: str) -> str:
    return url.removesuffix(_ARCHIVE)


def _name_in(url: str) -> str:
    return _reference(url).partition(":")[0].partition("@")[0]


def _is_registered(served: Served) -> bool:
    """Whether it is loaded, or will be at its first request."""
    return served.phase != "unloaded" or served.is_within_reach


def _check(parameters: Mapping[str, str]) -> None:
    """Refuse invalid parameters of a registration, before anything is looked up."""
    if "url" not in parameters:
        raise BadPayload("Parameter `url` is required: the name of a model, or `name:version`.")
    if not parameters["url"]:
        raise UnknownModel("Parameter `url` is empty: expected the name of a model.")
    runtime = parameters.get("runtime", "python")
    if runtime.lower() not in _RUNTIMES:
        raise BadPayload(f"There is no runtime `{runtime[:64]}`; there is `python`.")


def _number(parameters: Mapping[str, str], name: str, usual: int, most: int = _MOST_WORKERS) -> int:
    """A number as TorchServe parses it: anything else counts as missing.

    Raises:
        BadPayload: for more than `most`.
    """
    text = parameters.get(name, "")
    if not text.isascii() or not text.isdecimal():
        return usual
    if len(text) > _LONGEST or int(text) > most:
        raise BadPayload(f"`{name}` is a number from 0 to {most}.")
    return int(text)


async def _logged(change: Any) -> None:
    """Run it in the background: errors go to the log."""
    try:
        await change
    except RequestError as error:
        log.warning("Workers could not be changed: %s", error.detail)


def _kind(error: RequestError) -> str:
    kinds = {
        401: "InvalidKeyException",
        403: "InvalidModelVersionException",
        409: "ConflictStatusException",
    }
    return kinds.get(error.status, "InternalServerException")
