"""Tracing: whether requests become spans, which is for the standard OTEL_* variables to say.

OpenTelemetry is imported only where they do and where it is installed.
"""

import logging
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from .trace_context import TraceContext

if TYPE_CHECKING:
    from ..batching.request import Request

log = logging.getLogger(__name__)

KNOWN = frozenset({"otlp", "console"})
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


class Asked(Protocol):
    """One request, as a span tells of it."""

    began: float  # on the monotonic clock
    id: bytes
    rows: int
    sent: int
    status: int
    trace: TraceContext | None

    @property
    def method(self) -> str:
        """The request's."""
        ...

    @property
    def path(self) -> str:
        """The request's, decoded."""
        ...

    @property
    def received(self) -> int:
        """Bytes of the body."""
        ...


class Tracing(Protocol):
    """Where requests are told of, while they are answered or after."""

    def around(self, asked: Asked) -> AbstractContextManager["Ending"]:
        """A span while a request is answered: code that runs meanwhile is part of it."""
        ...

    def ended(self, asked: Asked, request: "Request", route: str, now: float) -> None:
        """A request was answered `now`, on the monotonic clock."""
        ...

    def stop(self) -> None:
        """Send what is left. May take as long as the receiver does."""
        ...


class Ending(Protocol):
    """What is known of a request at its end: the route, and what waited for a batch."""

    route: str
    request: "Request | None"


def wanted(variables: Mapping[str, str]) -> str | None:
    """The exporter that the variables ask for; None where they ask for none that is known."""
    if variables.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    exporter = variables.get("OTEL_TRACES_EXPORTER", "").strip()
    if not exporter:
        exporter = "otlp" if any(variables.get(name) for name in _ENDPOINTS) else "none"
    if exporter == "none":
        return None
    if exporter not in KNOWN:
        log.warning(
            "OTEL_TRACES_EXPORTER is `%s`: traces are sent nowhere; `otlp`, `console` and `none` "
            "are known.",
            exporter,
        )
        return None
    protocol = next(filter(None, map(variables.get, _PROTOCOLS)), "http/protobuf")
    if exporter == "otlp" and protocol != "http/protobuf":
        log.warning(
            "The protocol for traces is `%s`: they are sent nowhere; `http/protobuf` is known.",
            protocol,
        )
        return None
    return exporter


def from_environment(name: str, version: str | None) -> Tracing | None:
    """Spans of a bundle, where the environment asks for them and OpenTelemetry is installed."""
    exporter = wanted(os.environ)
    if exporter is None:
        return None
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        log.warning(
            "The environment asks for traces, and OpenTelemetry is not installed: add "
            "`opentelemetry-sdk` and `opentelemetry-exporter-otlp-proto-http` to the packages of "
            "the bundle."
        )
        return None
    from .spans import Spans, provider

    return Spans(provider(exporter, name, version))
