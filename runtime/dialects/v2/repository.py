"""Repository: lists models, and loads and unloads them.

Source: Triton, docs/protocol/extension_model_repository.md.
"""

from typing import Any

from ...data.codecs import instances
from ...errors import InvalidInput, NotSupported, UnknownModel
from ...printable import printable
from .. import web_page
from ..catalog import Catalog
from ..dialect_request import DialectRequest
from ..lifecycle import Lifecycle
from ..reply import Reply
from ..served import Served
from ..tensors.tensor import LONGEST

_STATES = {  # of a model, as Triton calls them
    "loading": "LOADING",
    "loaded": "READY",
    "unloading": "UNLOADING",
    "unloaded": "UNAVAILABLE",
    "failed": "UNAVAILABLE",
}


class Repository:
    """The one model repository of a server, which has no name."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def index(self, request: DialectRequest) -> Reply:
        """All models and versions, or those that are ready."""
        _check(request)
        only_ready = _document(request).get("ready", False)
        if type(only_ready) is not bool:
            raise InvalidInput("ready: expected true or false.")
        listed = [entry(served) for served in self._catalog.served()]
        return Reply.json([each for each in listed if not only_ready or each["state"] == "READY"])

    async def load(self, request: DialectRequest) -> Reply:
        """Load a model; changes of its configuration are refused."""
        web_page.check(request.headers)
        _check(request)
        name = request.parts["model"]
        has_parameters = bool(_document(request).get("parameters"))
        await load(self._catalog.lifecycle, name, has_parameters=has_parameters)
        return Reply.json({"name": name, "load": True})

    async def unload(self, request: DialectRequest) -> Reply:
        """Unload a model; there are none that depend on another."""
        web_page.check(request.headers)
        _check(request)
        _document(request)
        name = request.parts["model"]
        await self._catalog.lifecycle.unload(name)
        return Reply.json({"name": name, "unload": True})


async def load(lifecycle: Lifecycle, name: str, *, has_parameters: bool) -> None:
    """Load a model; its errors have the wording that Triton's clients expect.

    Raises:
        RequestError: when that is impossible, with the reason.
    """
    if not name.strip():
        raise InvalidInput("Model name cannot be empty. Please enter a valid name to deploy.")
    failed = f"failed to load '{printable(name[:LONGEST])}',"
    if "/" in name or name.strip() == "..":
        raise InvalidInput(f"{failed} model name must not contain path traversal characters.")
    if has_parameters:
        raise NotSupported(f"{failed} for parameters change nothing: it is as the bundle has it.")
    try:
        await lifecycle.load(name)
    except UnknownModel as error:
        detail = f"{failed} failed to poll from model repository: {error.detail}"
        raise UnknownModel(detail) from None


def _check(request: DialectRequest) -> None:
    if "repository" in request.parts:
        raise NotSupported("'repository_name' specification is not supported")


def _document(request: DialectRequest) -> dict[str, Any]:
    document = instances.parse(request.body) if request.body.strip() else {}
    if type(document) is not dict:
        raise InvalidInput("Expected a JSON object, or no body.")
    return document


def entry(served: Served) -> dict[str, str]:
    """One version in the index."""
    state = _STATES[served.phase]
    if state == "READY" and not served.is_ready:
        state = "UNAVAILABLE"
    return {
        "name": served.name,
        "version": served.version,
        "state": state,
        "reason": served.why or "",
    }
