"""Shared memory: registers regions, shared with REST; CUDA shared memory is not supported."""

from dataclasses import asdict
from typing import Any

import grpc

from ...data.regions import Region
from ...dialects.catalog import Catalog
from ...dialects.dialect_request import DialectRequest
from ...dialects.v2 import shared_memory
from ...errors import NotSupported
from ..dispatcher import Answer, Dispatcher
from ..messages.pool import pool

_SERVICE = "/inference.GRPCInferenceService"


class SharedMemory:
    """Registers and unregisters regions, and lists them."""

    def __init__(self, catalog: Catalog) -> None:
        self._regions = catalog.regions
        self._messages = pool()

    def handlers(self, dispatcher: Dispatcher) -> dict[str, grpc.RpcMethodHandler]:
        """By path."""
        answers: dict[str, Answer] = {
            "SystemSharedMemoryStatus": self._status,
            "SystemSharedMemoryRegister": self._register,
            "SystemSharedMemoryUnregister": self._unregister,
            "CudaSharedMemoryStatus": self._nothing,
            "CudaSharedMemoryRegister": self._refuse,
            "CudaSharedMemoryUnregister": self._done,
        }
        return dispatcher.service(_SERVICE, answers)

    async def _status(self, request: Any, _: DialectRequest) -> Any:
        response = self._messages["inference.SystemSharedMemoryStatusResponse"]()
        for each in shared_memory.status(self._regions, request.name):
            for name, value in asdict(each).items():
                setattr(response.regions[each.name], name, value)
        return response

    async def _register(self, request: Any, _: DialectRequest) -> Any:
        region = Region(request.name, request.key, request.offset, request.byte_size)
        shared_memory.register(self._regions, region)
        return self._messages["inference.SystemSharedMemoryRegisterResponse"]()

    async def _unregister(self, request: Any, _: DialectRequest) -> Any:
        shared_memory.unregister(self._regions, request.name)
        return self._messages["inference.SystemSharedMemoryUnregisterResponse"]()

    async def _nothing(self, _: Any, __: DialectRequest) -> Any:
        return self._messages["inference.CudaSharedMemoryStatusResponse"]()

    async def _done(self, _: Any, __: DialectRequest) -> Any:
        return self._messages["inference.CudaSharedMemoryUnregisterResponse"]()

    async def _refuse(self, _: Any, __: DialectRequest) -> Any:
        raise NotSupported(shared_memory.CUDA)
