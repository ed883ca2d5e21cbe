"""KeyedSite: a dialect on a port of its own, behind a bearer token."""

import logging

from ..dialects.dialect import Dialect
from ..errors import NothingHere, RequestError
from .access_log import Access
from .bearer import Bearer, NoKey
from .dialect_endpoint import DialectRouter
from .request.exchange import Exchange, Receive, Scope, Send
from .shared_state import SharedState

log = logging.getLogger(__name__)


class KeyedSite:
    """An ASGI application that answers requests with `Authorization: Bearer TOKEN`, no others."""

    def __init__(self, dialect: Dialect, shared: SharedState, access: Access, token: str) -> None:
        self._dialect = dialect
        self._router = DialectRouter([dialect], shared)
        self._shared = shared
        self._access = access
        self._bearer = Bearer(token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange(scope)
        metrics = self._shared.metrics
        metrics.began()
        try:
            await self._route(exchange, scope, receive, send)
        finally:
            metrics.ended(exchange.route, exchange.status, exchange.seconds)
            self._access.write(exchange)

    async def _route(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._bearer.check(exchange.headers)
        except NoKey as error:
            await self._refuse(exchange, error, send, ((b"www-authenticate", b"Bearer"),))
            return
        endpoint = self._router.find(scope)
        if endpoint is None:
            await self._refuse(exchange, NothingHere("There is nothing at this path."), send)
        else:
            await endpoint(exchange, scope, receive, send)

    async def _refuse(
        self,
        exchange: Exchange,
        error: RequestError,
        send: Send,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        await exchange.answer(self._dialect.failure(error).with_headers(headers), send)
