"""Web page: whether a request was sent by a browser from a page of another site.

A browser sends simple requests from any page to any server that its machine reaches, on its own
loopback as well, and only keeps the answer from the page. For a prediction nothing is lost; what
changes the server is not for pages of strangers to ask. To a browser a page is this server's own
if it calls it by the same name, and whoever has a name may give it the address of this machine
after a minute ("DNS rebinding"): only an address, or `localhost`, is nobody else's.
Source: W3C Fetch Metadata Request Headers; RFC 6454, "Origin".
"""

from collections.abc import Mapping
from ipaddress import ip_address

from ..errors import RequestError

_OURS = frozenset({b"same-origin", b"none"})


class StrangersPage(RequestError):
    """A page of another origin wants to change the server."""

    status = 403


def check(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a request that a browser sends from a page of another origin.

    Raises:
        StrangersPage: for such a request; only browsers send these headers.
    """
    site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
    host = headers.get(b"host", b"").lower()
    is_foreign = site is not None and site not in _OURS
    if origin is not None:
        is_foreign = is_foreign or origin.lower().partition(b"://")[2] != host
    is_page = site is not None or origin is not None
    if is_foreign or (is_page and not _is_nobody_elses(host)):
        raise StrangersPage("Pages of other servers load, unload and register nothing here.")


def _is_nobody_elses(host: bytes) -> bool:
    """Whether a Host is an address, or the name that every machine has for itself."""
    text = host.decode("latin-1")
    name = text[1:].partition("]")[0] if text.startswith("[") else text.partition(":")[0]
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
