"""Proxies: connections through the proxy that the environment names for an address."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

import urllib3

from ..reference import is_loopback


def of(url: str) -> str:
    """The proxy for an address, "" for none."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies_environment()
    if is_loopback(host) or proxy_bypass_environment(parts.netloc, proxies):
        return ""
    found = proxies.get(parts.scheme) or proxies.get("all") or ""
    return found if "://" in found or not found else f"http://{found}"


def pool(proxy: str, **options: Any) -> urllib3.PoolManager:
    """Connections through `proxy`, which is shown the password in its address; straight for ""."""
    if not proxy:
        return urllib3.PoolManager(**options)
    return urllib3.ProxyManager(proxy, proxy_headers=headers(proxy), **options)


def headers(proxy: str) -> Mapping[str, str]:
    """What lets us through."""
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return urllib3.make_headers(proxy_basic_auth=secret)
