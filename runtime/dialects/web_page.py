"""Web page: whether a request was sent by a browser from a page of another site.

A browser sends simple requests from any page to any server that it reaches, on its own machine as
well, and only hides the answer from the page. Predictions do no harm, but such a page must not load
or unload models. A browser takes a page and a server of the same name for one site, and the owner
of a name can point it to this machine later ("DNS rebinding"): only an address and `localhost`
belong to nobody else.
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
    if is_foreign or (is_page and not _has_no_owner(host)):
        raise StrangersPage("Pages of other servers load, unload and register nothing here.")


def _has_no_owner(host: bytes) -> bool:
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
