"""TraceSettings: settings of traces and logs, which Triton's clients can read but not change."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...data.codecs import instances
from ...errors import InvalidInput, NotSupported
from ..catalog import Catalog
from ..dialect import GET, POST, Rule
from ..dialect_request import DialectRequest
from ..reply import Reply

TRACE: Mapping[str, str | list[str]] = {
    "trace_level": ["OFF"],
    "trace_rate": "0",
    "trace_count": "-1",
    "log_frequency": "0",
    "trace_file": "",
    "trace_mode": "opentelemetry",
}
LOGGING: Mapping[str, str | bool | int] = {
    "log_file": "",
    "log_info": True,
    "log_warning": True,
    "log_error": True,
    "log_verbose_level": 0,
    "log_format": "default",
}
NO_CHANGE = "Clients do not change how this server logs and traces."
_TRACED = "/v2/(?:models/(?P<model>[^/]+)/)?trace/setting"


class TraceSettings:
    """Returns these settings, and refuses to change them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def rules(self) -> Sequence[Rule]:
        """The rules of this extension."""
        return [
            Rule(GET, _TRACED, self._trace, "/v2/trace/setting"),
            Rule(GET, "/v2/logging", self._logging, "/v2/logging"),
            Rule(POST, _TRACED, self._keep_trace, "/v2/trace/setting"),
            Rule(POST, "/v2/logging", self._keep_logging, "/v2/logging"),
        ]

    async def _trace(self, request: DialectRequest) -> Reply:
        if "model" in request.parts:
            self._catalog.find(request.parts["model"])
        return Reply.json(TRACE)

    async def _logging(self, _: DialectRequest) -> Reply:
        return Reply.json(LOGGING)

    async def _keep_trace(self, request: DialectRequest) -> Reply:
        reply = await self._trace(request)
        _check(request, TRACE)
        return reply

    async def _keep_logging(self, request: DialectRequest) -> Reply:
        _check(request, LOGGING)
        return await self._logging(request)


def is_so(setting: Any, value: Any) -> bool:
    """Whether a setting has the value in a request, which may be in a list of one."""
    values = value if type(value) is list else [value]
    known = setting if isinstance(setting, list) else [setting]
    return [(type(each), each) for each in values] == [(type(each), each) for each in known]


def _check(request: DialectRequest, known: Mapping[str, Any]) -> None:
    """Accept a request that changes nothing; null means the current value."""
    document = instances.parse(request.body) if request.body.strip() else {}
    if type(document) is not dict:
        raise InvalidInput("Expected a JSON object.")
    wished = {name: value for name, value in document.items() if value is not None}
    if not all(name in known and is_so(known[name], value) for name, value in wished.items()):
        raise NotSupported(NO_CHANGE)
