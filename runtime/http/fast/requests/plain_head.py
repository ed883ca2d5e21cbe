"""PlainHead: the head of a prediction request that the fast path can answer."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ....data.media import is_json
from ....errors import RequestError
from ....manifests.settings import ServeSettings
from ...cross_origin import ORIGIN
from ...request import timing
from ...request.headers import content_coding, content_type, is_plain, seconds_allowed
from ...request.identity import Identity
from ...request.queue_headers import QueueHeaders
from ..large_body import LARGE
from .request_tracker import RequestTracker

if TYPE_CHECKING:
    from .responder import Responder

Headers = list[tuple[bytes, bytes]]

_MOST_DIGITS = 18  # of Content-Length; more bytes would not fit into memory
_UNUSUAL = frozenset({b"transfer-encoding", b"expect", b"upgrade"})


class Destination(Protocol):
    """A route of the fast path, as its requests see it."""

    path: str
    route: str
    tracker: RequestTracker

    @property
    def answers(self) -> "Responder":
        """The responder for requests that are in no group yet."""

    def arrived(self, request: Any, /) -> None:
        """Handle a request whose body is complete."""

    def forget(self, request: Any, /) -> None:
        """Cancel the work for a request whose client has gone."""

    def is_large(self, size: int, content_type: str, /) -> bool:
        """Whether a body of `size` bytes is decoded by another process."""

    def wanted(self, content_type: str, accept: str, coding: bytes, /) -> str | None:
        """The accepted media types, "" for JSON; None if the ASGI application must answer."""

    def numbers_at(self, headers: Mapping[bytes, bytes], /) -> int | None:
        """The offset of the numbers in a binary body, which is then passed as a view; else None."""


class DestinationLookup(Protocol):
    """Finds the route of a POST by its target."""

    def get(self, target: bytes, /) -> Destination | None:
        """The route, or None if only the ASGI application may know it."""


@dataclass(frozen=True, slots=True)
class PlainHead:
    """A parsed head; cached, so that equal bytes are parsed once.

    length         bytes of the body
    is_large       whether another process decodes the body
    numbers_at     offset of the numbers in a large binary body, else None
    seconds        the time limit of the request
    content_type   of the body
    accept         the accepted media types, or "" for JSON
    own            the values of headers that belong to this request alone
    is_last        the connection is closed after the answer
    priority       0 for the most urgent
    client         whose share of the queue it counts against
    is_timed       the answer has a Server-Timing header
    headers        all headers; those in `own` may be another request's
    """

    intake: Destination
    length: int
    is_large: bool
    seconds: float
    content_type: str
    is_json: bool
    accept: str
    own: Identity
    is_last: bool
    priority: int
    client: Hashable
    is_timed: bool = False
    numbers_at: int | None = None
    headers: Mapping[bytes, bytes] = field(default_factory=dict, compare=False)
    is_odd: bool = field(init=False)
    """Whether a successful answer has another head than most."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_odd", bool(self.accept) or self.is_timed)


class HeadReader:
    """Recognizes the heads of requests that the fast path can answer."""

    def __init__(self, settings: ServeSettings, destinations: DestinationLookup) -> None:
        self._settings = settings
        self._destinations = destinations
        self._queue_headers = QueueHeaders(settings.queue)
        self._unusual = _UNUSUAL | {ORIGIN} if settings.cors else _UNUSUAL

    def read(self, target: bytes, headers: Headers, *, is_last: bool) -> PlainHead | None:
        """Parse the head of a POST; None if anything in it is unusual.

        None also if the request is to be refused: the ASGI application words the refusal.
        """
        intake = self._destinations.get(target)
        if intake is None:
            return None
        by_name = dict(headers)  # the last of several with one name, as everywhere in this server
        length = self._length(by_name.get(b"content-length", b""))
        if not length or not self._unusual.isdisjoint(by_name) or self._queue_headers.is_by_address:
            return None
        if not is_plain(content_coding(by_name, headers)):
            return None
        try:
            seconds = seconds_allowed(by_name.get(b"x-request-timeout"), self._settings.timeout)
            priority = self._queue_headers.priority(by_name)
        except RequestError:
            return None
        kind = content_type(by_name.get(b"content-type", b""))
        accept = intake.wanted(
            kind,
            by_name.get(b"accept", b"").decode("latin-1"),
            by_name.get(b"accept-encoding", b""),
        )
        if accept is None:
            return None
        return PlainHead(
            intake=intake,
            length=length,
            is_large=intake.is_large(length, kind),
            seconds=seconds,
            content_type=kind,
            is_json=is_json(kind),
            accept=accept,
            own=Identity.of(by_name, headers),
            is_last=is_last,
            priority=priority,
            client=self._queue_headers.client(by_name, None),
            is_timed=timing.is_wanted(self._settings, by_name),
            numbers_at=intake.numbers_at(by_name) if length >= LARGE else None,
            headers=by_name,
        )

    def _length(self, value: bytes) -> int:
        """The length of the body in bytes; 0 if it is missing or too large."""
        if not value.isdigit() or len(value) > _MOST_DIGITS:
            return 0
        length = int(value)
        return length if length <= self._settings.max_body else 0
