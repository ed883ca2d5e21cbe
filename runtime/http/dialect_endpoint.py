"""DialectEndpoint: a route of a dialect as an ASGI endpoint, and the router that finds it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, quote, unquote

from ..dialects.dialect import Dialect, Rule
from ..dialects.dialect_request import DialectRequest
from ..dialects.reply import Reply
from ..errors import BadPayload, NotAllowed, NothingHere, RequestError
from ..printable import printable
from ..telemetry.trace_context import current
from .guarded import Guarded
from .request.body import Body
from .request.coding import deflated
from .request.exchange import Exchange, Receive, Scope, Send
from .shared_state import SharedState

_MOST_KNOWN = 1024  # paths that need not be looked for again
_MOST_PARAMETERS = 64  # of a query
_COLON = re.compile(r"%3a", re.IGNORECASE)  # before a method of V1; some clients encode it
_SHOWN = 128  # characters of a path that an error repeats


@dataclass(frozen=True, slots=True)
class MatchedPath:
    """A path, still percent-encoded, and the decoded parameters of the rule that matched."""

    path: str
    parts: Mapping[str, str]


class DialectEndpoint(Guarded):
    """Answers requests for one path with one rule, errors in the dialect's own form."""

    def __init__(
        self, dialect: Dialect, rule: Rule, place: MatchedPath, shared: SharedState
    ) -> None:
        super().__init__(shared)
        self._dialect = dialect
        self.rule = rule
        self.place = place

    async def __call__(
        self, exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer one request."""
        exchange.route = self.rule.name
        await self.guard(exchange, scope, receive, send)

    async def _answer(
        self, exchange: Exchange, scope: Scope, body: Body, receive: Receive
    ) -> Reply:
        request = await self._read(
            exchange, scope, body, receive, DialectRequest,
            method=exchange.method, path=self.place.path, parts=self.place.parts,
            query=_query(scope), route=self.rule.name,
        )  # fmt: skip
        try:
            return await self.handled(request)
        finally:
            exchange.rows, exchange.queued = request.rows, request.queued

    async def handled(self, request: DialectRequest) -> Reply:
        """Call the handler of the rule, in a task of this request alone.

        Raises:
            RequestError: an error that the client may see.
        """
        if request.trace is not None:
            current.set(request.trace)
        reply = await self.rule.handler(request)
        return await _compressed(reply, request.headers.get(b"accept-encoding", b""))

    def refusal(self, error: RequestError) -> Reply:
        """The dialect's form of an error."""
        return self._dialect.failure(error)


class _Refusal(Guarded):
    """Answers requests for unknown paths in the form of the dialect."""

    def __init__(
        self, dialect: Dialect, error: RequestError, allow: str, shared: SharedState
    ) -> None:
        super().__init__(shared)
        self._dialect = dialect
        self._wrong = error
        self._headers = ((b"allow", allow.encode()),) if allow else ()

    async def __call__(
        self, exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer one request."""
        await self.guard(exchange, scope, receive, send)

    async def _answer(self, *_: object) -> Reply:
        raise self._wrong

    def refusal(self, error: RequestError) -> Reply:
        """The dialect's form of the error, with the methods that a path takes."""
        return self._dialect.failure(error).with_headers(self._headers)


Found = DialectEndpoint | _Refusal


class DialectRouter:
    """Finds the endpoint of a path in all dialects; caches paths, because most are repeated."""

    def __init__(self, spoken: Sequence[Dialect], shared: SharedState) -> None:
        self._rules = [
            (re.compile(rule.pattern), dialect, rule)
            for dialect in spoken
            for rule in dialect.rules()
        ]
        self._spoken = spoken
        self._shared = shared
        self._known: dict[tuple[str, bytes], Found | None] = {}

    def find(self, scope: Scope) -> Found | None:
        """The endpoint for a request with this scope, if it belongs to a dialect."""
        return self._found(scope["method"], scope.get("raw_path") or quote(scope["path"]).encode())

    def endpoint_at(self, path: str) -> DialectEndpoint | None:
        """What answers a POST at a path without anything encoded in it."""
        found = self._found("POST", path.encode())
        return found if isinstance(found, DialectEndpoint) else None

    def _found(self, method: str, raw: bytes) -> Found | None:
        key = (method, raw)
        try:
            return self._known[key]
        except KeyError:
            found = self._sought(method, raw.partition(b"?")[0].decode("latin-1"))
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[key] = found
        return found

    def _sought(self, method: str, path: str) -> Found | None:
        path = _COLON.sub(":", path.rstrip("/") or "/")
        allowed: dict[str, Dialect] = {}
        for pattern, dialect, rule in self._rules:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            if method in rule.methods:
                parts = {k: unquote(v) for k, v in match.groupdict().items() if v is not None}
                return DialectEndpoint(dialect, rule, MatchedPath(path, parts), self._shared)
            allowed |= dict.fromkeys(sorted(rule.methods), dialect)
        shown = printable(unquote(path))[:_SHOWN]
        if allowed and path != "/":  # which is a page of the server
            takes = ", ".join(allowed)
            wrong = NotAllowed(f"`{shown}` takes {takes}, not {method[:_SHOWN]}.")
            return _Refusal(next(iter(allowed.values())), wrong, takes, self._shared)
        for dialect in self._spoken:
            if any(path == each or path.startswith(f"{each}/") for each in dialect.prefixes):
                return _Refusal(
                    dialect, NothingHere(f"There is nothing at `{shown}`."), "", self._shared
                )
        return None


async def _compressed(reply: Reply, accepted: bytes) -> Reply:
    """Compress a reply, if the client asks for exactly one known coding."""
    if not accepted or not isinstance(reply.body, bytes):
        return reply
    coded = await deflated(reply.body, accepted)
    if coded is None:
        return reply
    body, coding = coded
    headers = ((b"content-encoding", coding), (b"vary", b"accept-encoding"))
    return replace(reply, body=body).with_headers(headers)


def _query(scope: Scope) -> Mapping[str, str]:
    """The parameters of the query, of equal names the last.

    Raises:
        BadPayload: when there are too many.
    """
    query = scope.get("query_string", b"")
    if not query:
        return {}
    try:
        pairs = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS
        )
    except ValueError:
        raise BadPayload(f"The query has more than {_MOST_PARAMETERS} parameters.") from None
    return dict(pairs)
