"""Repository: lists models, and loads and unloads them.

Source: Triton, docs/protocol/extension_model_repository.md.
"""

from typing import Any

from ...data.codecs import instances
from ...errors import InvalidInput, NotSupported, UnknownModel
from ...printable import printable
from .. import web_page
from ..catalog import Catalog
from ..inquiry import Inquiry
from ..lifecycle import Lifecycle
from ..reply import Reply
from ..served import Served
from ..tensors.tensor import LONGEST

STATES = {  # of a model, as Triton calls them
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

    async def index(self, inquiry: Inquiry) -> Reply:
        """All models and versions, or those that are ready."""
        _check(inquiry)
        only_ready = _document(inquiry).get("ready", False)
        if type(only_ready) is not bool:
            raise InvalidInput("ready: expected true or false.")
        listed = [_entry(served) for served in self._catalog.served()]
        return Reply.json([each for each in listed if not only_ready or each["state"] == "READY"])

    async def load(self, inquiry: Inquiry) -> Reply:
        """Load a model; what a client would change of it is not for clients to change."""
        web_page.check(inquiry.headers)
        _check(inquiry)
        name = inquiry.parts["model"]
        has_parameters = bool(_document(inquiry).get("parameters"))
        await load(self._catalog.lifecycle, name, has_parameters=has_parameters)
        return Reply.json({"name": name, "load": True})

    async def unload(self, inquiry: Inquiry) -> Reply:
        """Unload a model; there are none that depend on another."""
        web_page.check(inquiry.headers)
        _check(inquiry)
        _document(inquiry)
        name = inquiry.parts["model"]
        await self._catalog.lifecycle.unload(name)
        return Reply.json({"name": name, "unload": True})


async def load(lifecycle: Lifecycle, name: str, *, has_parameters: bool) -> None:
    """Load a model; its errors have the wording that Triton's clients expect.

    Raises:
        RequestError: where that is not possible, and why.
    """
    if not name.strip():
        raise InvalidInput("Model name cannot be empty. Please enter a valid name to deploy.")
    what = f"failed to load '{printable(name[:LONGEST])}',"
    if "/" in name or name.strip() == "..":
        raise InvalidInput(f"{what} model name must not contain path traversal characters.")
    if has_parameters:
        raise NotSupported(f"{what} for parameters change nothing: it is as the bundle has it.")
    try:
        await lifecycle.load(name)
    except UnknownModel as error:
        detail = f"{what} failed to poll from model repository: {error.detail}"
        raise UnknownModel(detail) from None


def _check(inquiry: Inquiry) -> None:
    if "repository" in inquiry.parts:
        raise NotSupported("'repository_name' specification is not supported")


def _document(inquiry: Inquiry) -> dict[str, Any]:
    document = instances.parse(inquiry.body) if inquiry.body.strip() else {}
    if type(document) is not dict:
        raise InvalidInput("Expected a JSON object, or no body.")
    return document


def _entry(served: Served) -> dict[str, str]:
    state = STATES[served.phase]
    if state == "READY" and not served.is_ready:
        state = "UNAVAILABLE"
    return {
        "name": served.name,
        "version": served.version,
        "state": state,
        "reason": served.why or "",
    }
