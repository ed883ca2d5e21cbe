"""Direct: connections to this machine that ignore the environment's proxy settings."""

from http.client import HTTPResponse
from typing import cast
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from .registry.reference import is_loopback


def opened(request: Request | str, timeout: float) -> HTTPResponse:
    """As `urlopen`, with no proxy between us and this machine: it could not come back to us.

    `request` is of http or https; the caller has seen to that. Raises what `urlopen` raises.
    """
    url = request if isinstance(request, str) else request.full_url
    proxies = [ProxyHandler({})] if is_loopback(urlsplit(url).hostname or "") else []
    return cast("HTTPResponse", build_opener(*proxies).open(request, timeout=timeout))
