"""Request: fetches one file of an index, following redirects.

The bodies of errors and redirects are never read, as they may be endless.
"""

import netrc
import os
import re
import time
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from ..index import Index
from ..index_credentials import IndexCredentials, origin

if TYPE_CHECKING:
    import urllib3

AT_ONCE = 16  # connections to one host
_TIMEOUT = 6.0  # seconds for a step of a request
_HOPS = 3
_PATIENCE = 10  # maximum seconds of `Retry-After`
_ATTEMPTS = 3
_LEADS_ON = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({429, 503})


def ask(
    url: str, extra: Mapping[str, str], expected: Iterable[int], indexes: Iterable[Index] = ()
) -> "urllib3.BaseHTTPResponse":
    """The answer for the file at `url`, its body not read yet.

    Args:
        url: where the file is, or what leads to it.
        extra: headers beside those with credentials, which only the host of `url` gets.
        expected: statuses of an answer that is of use.
        indexes: those whose credentials may be sent.

    Raises:
        OSError: when there is no such answer.
    """
    shown, first = headers(url, indexes), url
    for _ in range(_HOPS + 1):
        own = shown if origin(url) == origin(first) else {}
        answer = _patiently(url, {**own, **extra})
        if answer.status in expected:
            return answer
        answer.close()
        if answer.status not in _LEADS_ON:
            raise OSError(f"The server answered with {answer.status}")
        url = _onward(url, answer.headers.get("Location") or "")
    raise OSError("The server redirects too often")


def _patiently(url: str, sent: Mapping[str, str]) -> "urllib3.BaseHTTPResponse":
    for attempt in range(_ATTEMPTS):
        answer = _once(url, sent)
        wait = answer.headers.get("Retry-After") or ""
        is_short = re.fullmatch(r"\d{1,9}", wait) and int(wait) <= _PATIENCE
        if answer.status not in _BUSY or not is_short or attempt + 1 == _ATTEMPTS:
            break
        answer.close()
        time.sleep(int(wait))
    return answer


def _once(url: str, sent: Mapping[str, str]) -> "urllib3.BaseHTTPResponse":
    from urllib3.exceptions import HTTPError

    try:
        return _pool(url).request("GET", url, headers=sent, preload_content=False, redirect=False)
    except (HTTPError, ValueError) as error:
        raise OSError(str(error)) from error


def _onward(url: str, location: str) -> str:
    try:
        onward = urljoin(url, location)
        if location and urlsplit(onward).scheme in {"http", "https"}:
            return onward
    except ValueError:
        pass
    raise OSError(f"The server redirects to {location!r:.100}")


def _pool(url: str) -> "urllib3.PoolManager":
    """Kept connections, through the proxy that the environment sets for the host."""
    from ...registry.http import proxies

    return _pools(proxies.of(url))


@cache
def _pools(proxy: str) -> "urllib3.PoolManager":
    import urllib3

    from ...registry.http import proxies, tls

    # What it would do by itself about an answer begins with reading all of it.
    retries = urllib3.Retry(2, respect_retry_after_header=False, backoff_factor=0.1)
    timeout = urllib3.Timeout(_TIMEOUT)
    return proxies.pool(
        proxy, maxsize=AT_ONCE, retries=retries, timeout=timeout, ssl_context=tls.context()
    )


def headers(url: str, indexes: Iterable[Index] = ()) -> dict[str, str]:
    """The `Authorization`: from the variables of the index, or from netrc.

    Raises:
        ResolveError: when the variables were not given for it.
    """
    for index in indexes:
        found = IndexCredentials.of(index) if origin(index.url) == origin(url) else None
        if found:
            return _basic(found.user, found.password)
    try:
        known = netrc.netrc(os.environ.get("NETRC")).authenticators(urlsplit(url).hostname or "")
    except (OSError, netrc.NetrcParseError):
        return {}
    return _basic(known[0], known[2] or "") if known else {}


def _basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}
