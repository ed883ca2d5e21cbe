"""Repository: lists models, and loads and unloads them where the server allows it.

Triton has these calls in its inference service, MLServer the same ones in one of their own.
"""

from functools import partial
from typing import Any

import grpc

from ...dialects.catalog import Catalog
from ...dialects.dialect_request import DialectRequest
from ...dialects.v2.repository import entry, load
from ...errors import NotSupported
from ..dispatcher import Dispatcher
from ..messages.pool import pool

_PLACES = {
    "inference": "/inference.GRPCInferenceService",
    "inference.model_repository": "/inference.model_repository.ModelRepositoryService",
}


class Repository:
    """Answers the calls of both services."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def handlers(self, dispatcher: Dispatcher) -> dict[str, grpc.RpcMethodHandler]:
        """By path."""
        answers = {
            "RepositoryIndex": self._index,
            "RepositoryModelLoad": self._load,
            "RepositoryModelUnload": self._unload,
        }
        return {
            f"{service}/{name}": dispatcher.unary(f"{service}/{name}", partial(answer, package))
            for package, service in _PLACES.items()
            for name, answer in answers.items()
        }

    async def _index(self, package: str, request: Any, _: DialectRequest) -> Any:
        _check(request)
        response = pool()[f"{package}.RepositoryIndexResponse"]()
        for served in self._catalog.served():
            if served.is_ready or not request.ready:
                response.models.add(**entry(served))
        return response

    async def _load(self, package: str, request: Any, _: DialectRequest) -> Any:
        name = _named(request)
        has_parameters = bool(request.parameters)
        await load(self._catalog.lifecycle, name, has_parameters=has_parameters)
        return pool()[f"{package}.RepositoryModelLoadResponse"](model_name=name, isLoaded=True)

    async def _unload(self, package: str, request: Any, _: DialectRequest) -> Any:
        name = _named(request)
        await self._catalog.lifecycle.unload(name)
        return pool()[f"{package}.RepositoryModelUnloadResponse"](model_name=name, isUnloaded=True)


def _named(request: Any) -> str:
    """The model that is meant: KServe has its name where Triton has the repository's."""
    if not request.model_name:
        return str(request.repository_name)
    _check(request)
    return str(request.model_name)


def _check(request: Any) -> None:
    if request.repository_name:
        raise NotSupported("A repository cannot be chosen: there is one.")
