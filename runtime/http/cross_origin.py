"""CrossOrigin: which web pages of other origins may read the answers of this server.

A browser sends the requests of any page, and shows a page of another origin only answers that
allow it. Source: Fetch Standard, "CORS protocol".
"""

from collections.abc import Mapping, Sequence

from ..dialects.reply import Headers, Reply
from .request.exchange import Exchange, Message, Send

ORIGIN = b"origin"
_METHODS = b"GET, HEAD, POST, PUT, DELETE, OPTIONS"
_SECONDS = b"600"  # for which a browser may cache a preflight answer
_EXPOSED = (b"access-control-expose-headers", b"*")  # the size of v2's JSON, ids, Retry-After
_VARY = (b"vary", b"Origin")


class CrossOrigin:
    """Allows pages of `origins`: `https://app.example.com`, or `*` for all of them."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._is_any = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)

    def preflight(self, exchange: Exchange) -> Reply | None:
        """The answer to a preflight request, if its origin is allowed."""
        method = exchange.headers.get(b"access-control-request-method")
        if exchange.method != "OPTIONS" or method is None or not self._allows(exchange.headers):
            return None
        wanted = exchange.headers.get(b"access-control-request-headers")
        named = () if wanted is None else ((b"access-control-allow-headers", wanted),)
        fixed = ((b"access-control-allow-methods", _METHODS), (b"access-control-max-age", _SECONDS))
        return Reply(b"", content_type="text/plain", headers=(*fixed, *named))

    def around(self, exchange: Exchange, send: Send) -> Send:
        """A `send` that adds CORS headers to the answer, if the origin is allowed.

        Answers to other origins get `Vary: Origin`, because a cache may give them to anybody.
        """
        more = self._of(exchange.headers)
        if not more:
            return send

        async def allowing(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *more]
            await send(message)

        return allowing

    def _of(self, headers: Mapping[bytes, bytes]) -> Headers:
        """What an answer to such a request has besides."""
        vary = () if self._is_any else (_VARY,)
        if not self._allows(headers):
            return vary
        origin = b"*" if self._is_any else headers[ORIGIN]
        return (b"access-control-allow-origin", origin), _EXPOSED, *vary

    def _allows(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a request is that of a page which may read the answer."""
        origin = headers.get(ORIGIN)
        return origin is not None and (self._is_any or origin in self._origins)
