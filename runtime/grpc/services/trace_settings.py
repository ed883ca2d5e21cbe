"""TraceSettings: settings of traces and logs, which Triton's clients can read but not change."""

from collections.abc import Mapping
from typing import Any

import grpc

from ...dialects.catalog import Catalog
from ...dialects.dialect_request import DialectRequest
from ...dialects.v2.trace_settings import LOGGING, NO_CHANGE, TRACE, is_so
from ...errors import NotSupported
from ..dispatcher import Answer, Dispatcher
from ..messages.pool import pool

_SERVICE = "/inference.GRPCInferenceService"


class TraceSettings:
    """Returns these settings, and refuses to change them, as over REST."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._messages = pool()

    def handlers(self, dispatcher: Dispatcher) -> dict[str, grpc.RpcMethodHandler]:
        """By path."""
        answers: dict[str, Answer] = {"TraceSetting": self._trace, "LogSettings": self._logging}
        return dispatcher.service(_SERVICE, answers)

    async def _trace(self, request: Any, _: DialectRequest) -> Any:
        if request.model_name:
            self._catalog.find(request.model_name)
        _check(TRACE, {name: list(each.value) for name, each in request.settings.items()})
        response = self._messages["inference.TraceSettingResponse"]()
        for name, value in TRACE.items():
            response.settings[name].value.extend([value] if isinstance(value, str) else value)
        return response

    async def _logging(self, request: Any, _: DialectRequest) -> Any:
        wished = {}
        for name, each in request.settings.items():
            kind = each.WhichOneof("parameter_choice")
            wished[name] = [getattr(each, kind)] if kind else []
        _check(LOGGING, wished)
        response = self._messages["inference.LogSettingsResponse"]()
        fields = {bool: "bool_param", int: "uint32_param", str: "string_param"}
        for name, value in LOGGING.items():
            setattr(response.settings[name], fields[type(value)], value)
        return response


def _check(known: Mapping[str, Any], wished: Mapping[str, list[Any]]) -> None:
    """Accept a request that changes nothing, or resets a setting.

    Raises:
        NotSupported: for anything else.
    """
    for name, values in wished.items():
        if values and not (name in known and is_so(known[name], values)):
            raise NotSupported(NO_CHANGE)
