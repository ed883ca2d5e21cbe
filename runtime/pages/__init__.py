"""Pages: everything that is not a prediction: health, metrics, the contract, and two for people."""

import json
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

JSON = "application/json"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class Shown(Protocol):
    """What the pages ask of the application."""

    @property
    def reason(self) -> str | None:
        """Why it is not ready, or None."""
        ...

    def document(self) -> dict[str, Any]:
        """The OpenAPI document."""
        ...

    def metrics_text(self) -> bytes:
        """All numbers, in Prometheus' format."""
        ...


def pages(shown: Shown) -> list[Route]:
    """The routes of a server's pages."""

    async def livez(_: Request) -> Response:
        return _json({"status": "alive"})

    async def readyz(_: Request) -> Response:
        reason = shown.reason
        if reason is None:
            return _json({"status": "ready"})
        return _json({"status": "not ready", "reason": reason}, 503)

    async def metrics(_: Request) -> Response:
        return Response(shown.metrics_text(), media_type=PROMETHEUS)

    async def openapi(_: Request) -> Response:
        return _json(shown.document())

    return [
        Route("/livez", livez),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
        Route("/openapi.json", openapi),
        Route("/docs", _page("docs", shown)),
        Route("/", _page("index", shown)),
    ]


def _page(name: str, shown: Shown) -> Callable[[Request], Awaitable[Response]]:
    async def page(_: Request) -> Response:
        document = _embedded(shown.document())
        body = _template(name).replace("/*DOCUMENT*/null", document)
        return Response(body, media_type="text/html; charset=utf-8", headers=_SAFE)

    return page


@cache
def _template(name: str) -> str:
    return Path(__file__).with_name(f"{name}.html").read_text()


def _embedded(value: Any) -> str:
    """JSON that stays JSON inside a script element, whatever its strings say."""
    text = json.dumps(value, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type=JSON)


_SAFE = {
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
