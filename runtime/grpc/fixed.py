"""Fixed: what Triton's clients ask for and cannot change here: traces, logs, shared memory."""

from typing import Any

import grpc

from ..dialects.catalog import Catalog
from ..dialects.inquiry import Inquiry
from ..dialects.v2.fixed import LOGGING, NO_CHANGE, NO_MEMORY, TRACE
from ..errors import NotSupported
from .desk import Answer, Desk
from .messages.pool import pool

_SERVICE = "/inference.GRPCInferenceService"


class Fixed:
    """Says what is, and that it stays so; the same as over REST."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._messages = pool()

    def handlers(self, desk: Desk) -> dict[str, grpc.RpcMethodHandler]:
        """By path."""
        answers: dict[str, Answer] = {"TraceSetting": self._trace, "LogSettings": self._logging}
        for kind in ("System", "Cuda"):
            answers[f"{kind}SharedMemoryRegister"] = self._no_memory
            for verb in ("Status", "Unregister"):
                call = f"{kind}SharedMemory{verb}"
                empty = self._messages[f"inference.{call}Response"]
                answers[call] = _answering(empty)
        return {f"{_SERVICE}/{n}": desk.unary(f"{_SERVICE}/{n}", a) for n, a in answers.items()}

    async def _trace(self, request: Any, _: Inquiry) -> Any:
        if request.model_name:
            self._catalog.find(request.model_name)
        if request.settings:
            raise NotSupported(NO_CHANGE)
        response = self._messages["inference.TraceSettingResponse"]()
        for name, value in TRACE.items():
            response.settings[name].value.extend([value] if isinstance(value, str) else value)
        return response

    async def _logging(self, request: Any, _: Inquiry) -> Any:
        if request.settings:
            raise NotSupported(NO_CHANGE)
        response = self._messages["inference.LogSettingsResponse"]()
        fields = {bool: "bool_param", int: "uint32_param", str: "string_param"}
        for name, value in LOGGING.items():
            setattr(response.settings[name], fields[type(value)], value)
        return response

    async def _no_memory(self, _: Any, __: Inquiry) -> Any:
        raise NotSupported(NO_MEMORY)


def _answering(empty: Any) -> Answer:
    """There are no regions, and so none that could be forgotten."""

    async def answer(_: Any, __: Inquiry) -> Any:
        return empty()

    return answer
