"""Tracing: turned on and configured by the standard OTEL_* variables.

OpenTelemetry is only imported if these are set and it is installed.
"""

import logging
import os
from collections.abc import Mapping
from importlib.util import find_spec

from .traced import Tracing

log = logging.getLogger(__name__)

KNOWN = frozenset({"otlp", "console"})
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def wanted(variables: Mapping[str, str]) -> str | None:
    """The exporter in the variables; None if it is not known."""
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
    """The spans of a bundle, if the environment enables them and OpenTelemetry is installed."""
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
