"""HttpOpener: `urlopen` that goes past proxies to this machine, and redirects no POST."""

from http.client import HTTPResponse
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from .registry.reference import is_loopback


def opened(request: Request | str, timeout: float) -> HTTPResponse:
    """As `urlopen`, with no proxy between us and this machine: it could not come back to us.

    A redirect of a POST is an `HTTPError`: followed, it would be a GET without the body.

    `request` is of http or https; the caller has seen to that. Raises what `urlopen` raises.
    """
    url = request if isinstance(request, str) else request.full_url
    proxies = [ProxyHandler({})] if is_loopback(urlsplit(url).hostname or "") else []
    opener = build_opener(_NoPost, *proxies)
    return cast("HTTPResponse", opener.open(request, timeout=timeout))


class _NoPost(HTTPRedirectHandler):
    def redirect_request(self, req: Request, *rest: Any) -> Request | None:
        """Where to go on; None for what has a body."""
        return None if req.data is not None else super().redirect_request(req, *rest)
