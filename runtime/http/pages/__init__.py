"""Pages: health, metrics, OpenAPI, and the two pages for people."""

import base64
import hashlib
import json
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...data import media


class Shown(Protocol):
    """The part of the application that the pages show."""

    @property
    def reason(self) -> str | None:
        """Why it is not ready, or None."""

    def document(self) -> dict[str, Any]:
        """The OpenAPI document."""

    async def metrics_text(self) -> bytes:
        """All numbers, in Prometheus' format."""


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
        return Response(await shown.metrics_text(), media_type=media.PROMETHEUS)

    async def openapi(_: Request) -> Response:
        return _json(shown.document())

    return [
        Route("/livez", livez),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
        Route("/openapi.json", openapi),
        Route("/docs", _page("docs", shown)),
        Route("/", _front(shown)),
    ]


def _front(shown: Shown) -> Callable[[Request], Awaitable[Response]]:
    """A page for a browser; a program, KServe's client among them, learns that this is alive."""
    page = _page("index", shown)

    async def front(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return await page(request)
        return _json({"status": "alive", "docs": "/docs", "openapi": "/openapi.json"})

    return front


def _page(name: str, shown: Shown) -> Callable[[Request], Awaitable[Response]]:
    async def page(_: Request) -> Response:
        before, after, headers = _template(name)
        body = before + _embedded(shown.document()) + after
        return Response(body, media_type="text/html; charset=utf-8", headers=headers)

    return page


@cache
def _template(name: str) -> tuple[str, str, dict[str, str]]:
    """The page around the document, and headers that allow only its own scripts."""
    style, page = _read("style.css"), _read("page.html")
    script = _read("element.js") + _read(f"{name}.js")
    before, _, after = page.partition("{{document}}")
    policy = (
        f"default-src 'none'; connect-src 'self'; img-src data:; style-src {_hash(style)}; "
        f"script-src {_hash(script)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"content-security-policy": policy, **_SAFE}
    return before.replace("{{style}}", style), after.replace("{{script}}", script), headers


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """How a content security policy names an inline script or style."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _embedded(value: Any) -> str:
    """JSON, escaped for a script element."""
    text = json.dumps(value, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type=media.JSON)


_SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
