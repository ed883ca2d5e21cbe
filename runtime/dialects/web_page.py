"""Web page: whether a browser asks on behalf of a page of somebody else's.

A browser sends simple requests from any page to any server that its machine reaches, on its own
loopback as well, and only keeps the answer from the page. For a prediction nothing is lost; what
changes the server is not for pages of strangers to ask.
Source: W3C Fetch Metadata Request Headers; RFC 6454, "Origin".
"""

from collections.abc import Mapping

from ..errors import RequestError

_OURS = frozenset({b"same-origin", b"none"})


class StrangersPage(RequestError):
    """A page of another origin wants to change the server."""

    status = 403


def check(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a request that a browser says comes from a page that is not this server's own.

    Raises:
        StrangersPage: for such a request; programs send neither of the two headers.
    """
    site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
    is_foreign = site is not None and site not in _OURS
    if origin is not None:
        host = headers.get(b"host", b"").lower()
        is_foreign = is_foreign or origin.lower().partition(b"://")[2] != host
    if is_foreign:
        raise StrangersPage("Pages of other servers load, unload and register nothing here.")
