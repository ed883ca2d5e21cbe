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

_MOST_DIGITS = 18  # of Content-Length; more is beyond any memory
_UNUSUAL = frozenset({b"transfer-encoding", b"expect", b"upgrade"})


class Destination(Protocol):
    """A route of the fast path, as its requests see it."""

    path: str
    route: str
    tracker: RequestTracker

    @property
    def answers(self) -> "Responder":
        """Who tells clients whose requests have no other group yet."""

    def arrived(self, request: Any, /) -> None:
        """Take a request whose body is complete."""

    def forget(self, request: Any, /) -> None:
        """Do nothing more for a client that has left."""

    def is_large(self, size: int, content_type: str, /) -> bool:
        """Whether a body of `size` bytes is read elsewhere."""

    def wanted(self, content_type: str, accept: str, coding: bytes, /) -> str | None:
        """What the client takes, given `Accept` and `Accept-Encoding`; None: the standard way."""

    def numbers_at(self, headers: Mapping[bytes, bytes], /) -> int | None:
        """Where numbers begin in a body that is mostly that, and is taken as a view; else None."""


class DestinationLookup(Protocol):
    """Finds the route of a POST by its target."""

    def get(self, target: bytes, /) -> Destination | None:
        """None where only the standard way knows."""


@dataclass(frozen=True, slots=True)
class PlainHead:
    """What a head says; kept, so that equal bytes are parsed once.

    length         bytes of the body
    is_large       whether the body is read elsewhere, for the sake of the others
    numbers_at     where numbers begin in a body that is large and mostly that, else None
    seconds        that the request has
    content_type   for a body that is not JSON
    accept         what the client takes, or "" for JSON
    own            what it says of this request alone
    is_last        the connection ends with the answer
    priority       0 for the most urgent
    client         whose share it counts against
    is_timed       the answer says how long its parts took
    said           all headers; what is in `own` may be another request's
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
    said: Mapping[bytes, bytes] = field(default_factory=dict, compare=False)
    is_odd: bool = field(init=False)
    """Whether the answer, if all goes well, has another head than most."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_odd", bool(self.accept) or self.is_timed)


class HeadReader:
    """Tells heads for the fast path from those for the standard one."""

    def __init__(self, settings: ServeSettings, destinations: DestinationLookup) -> None:
        self._settings = settings
        self._destinations = destinations
        self._queue_headers = QueueHeaders(settings.queue)
        self._unusual = _UNUSUAL | {ORIGIN} if settings.cors else _UNUSUAL

    def read(self, target: bytes, headers: Headers, *, is_last: bool) -> PlainHead | None:
        """What the head of a POST says; None where anything about it is out of the ordinary.

        Whatever would be refused is left to the standard way too, which knows the words for it.
        """
        intake = self._destinations.get(target)
        if intake is None:
            return None
        said = dict(headers)  # of equal names the last counts, as everywhere here
        length = self._length(said.get(b"content-length", b""))
        if not length or not self._unusual.isdisjoint(said) or self._queue_headers.is_by_address:
            return None
        if not is_plain(content_coding(said, headers)):
            return None
        try:
            seconds = seconds_allowed(said.get(b"x-request-timeout"), self._settings.timeout)
            priority = self._queue_headers.priority(said)
        except RequestError:
            return None
        kind = content_type(said.get(b"content-type", b""))
        accept = intake.wanted(
            kind, said.get(b"accept", b"").decode("latin-1"), said.get(b"accept-encoding", b"")
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
            own=Identity.of(said, headers),
            is_last=is_last,
            priority=priority,
            client=self._queue_headers.client(said, None),
            is_timed=timing.is_asked(self._settings, said),
            numbers_at=intake.numbers_at(said) if length >= LARGE else None,
            said=said,
        )

    def _length(self, value: bytes) -> int:
        """Bytes of the body; 0 where there is none, or too much of it."""
        if not value.isdigit() or len(value) > _MOST_DIGITS:
            return 0
        length = int(value)
        return length if length <= self._settings.max_body else 0
