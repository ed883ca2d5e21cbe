"""PlainHead: the head of a request for a prediction that needs nothing unusual, understood."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..data import media
from ..data.media import is_json
from ..errors import RequestError
from ..models.runner import Queue
from ..settings import ServeSettings
from . import timing
from .books import Books
from .own_lines import OwnLines
from .request_headers import check_coding, content_type, seconds_allowed
from .standing import Standing

Headers = list[tuple[bytes, bytes]]

_MOST_DIGITS = 18  # of Content-Length; more is beyond any memory
_UNUSUAL = frozenset({b"transfer-encoding", b"expect", b"upgrade"})
_PLAIN = frozenset({"", media.JSON, media.NPY, media.CSV})  # bodies; others may need an import
_ANY_JSON = frozenset({"", "*/*", media.JSON})


class Destination(Protocol):
    """A route, as a request for it sees it."""

    path: str
    queue: Queue
    reception: Books

    @property
    def answers(self) -> Any:
        """What a batcher's answers and refusals go through, in groups."""
        ...

    def arrived(self, request: Any, /) -> None:
        """Take a request whose body is complete."""
        ...

    def forget(self, request: Any, /) -> None:
        """Do nothing more for a client that has left."""
        ...

    def is_large(self, size: int, content_type: str, /) -> bool:
        """Whether a body of `size` bytes is read elsewhere."""
        ...


@dataclass(frozen=True, slots=True)
class PlainHead:
    """What a head says, so that equal bytes need not be read again.

    length         bytes of the body
    is_large       whether the body is read elsewhere, for the sake of the others
    seconds        that the request has
    content_type   for a body that is not JSON
    accept         what the client takes, or "" for JSON
    own            what it says of this request alone
    is_last        the connection ends with the answer
    priority       0 for the most urgent
    client         whose share it counts against
    is_timed       the answer says how long its parts took
    """

    intake: Destination
    length: int
    is_large: bool
    seconds: float
    content_type: str
    is_json: bool
    accept: str
    own: OwnLines
    is_last: bool
    priority: int
    client: Hashable
    is_timed: bool = False
    is_odd: bool = field(init=False)
    """Whether the answer, if all goes well, has another head than most."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_odd", bool(self.accept) or self.is_timed)


class HeadReader:
    """Tells plain heads from those that take the standard way.

    `intakes` are the routes that can be answered below ASGI, by their path.
    """

    def __init__(self, settings: ServeSettings, intakes: Mapping[bytes, Destination]) -> None:
        self._settings = settings
        self._intakes = intakes
        self._standing = Standing(settings.queue)

    def read(self, target: bytes, headers: Headers, *, is_last: bool) -> PlainHead | None:
        """What the head of a POST says; None where anything about it is out of the ordinary.

        Whatever would be refused is left to the standard way too, which knows the words for it.
        """
        intake = self._intakes.get(target)
        if intake is None:
            return None
        said = dict(headers)  # of equal names the last counts, as everywhere here
        length = self._length(said.get(b"content-length", b""))
        if not length or not _UNUSUAL.isdisjoint(said) or self._standing.is_by_address:
            return None
        try:
            check_coding(said.get(b"content-encoding"))
            seconds = seconds_allowed(said.get(b"x-request-timeout"), self._settings.timeout)
            priority = self._standing.priority(said)
        except RequestError:
            return None
        kind = content_type(said.get(b"content-type", b""))
        accept = _wanted(said.get(b"accept", b"").decode("latin-1"))
        if accept is None or media.essence(kind) not in _PLAIN:
            return None
        return PlainHead(
            intake=intake,
            length=length,
            is_large=intake.is_large(length, kind),
            seconds=seconds,
            content_type=kind,
            is_json=is_json(kind),
            accept=accept,
            own=OwnLines.of(said, headers),
            is_last=is_last,
            priority=priority,
            client=self._standing.client(said, None),
            is_timed=timing.is_asked(self._settings, said),
        )

    def _length(self, value: bytes) -> int:
        """Bytes of the body; 0 where there is none, or too much of it."""
        if not value.isdigit() or len(value) > _MOST_DIGITS:
            return 0
        length = int(value)
        return length if length <= self._settings.max_body else 0


def _wanted(accept: str) -> str | None:
    """What the client takes: "" for JSON; None for what only the standard way writes."""
    if accept in _ANY_JSON:
        return ""
    first = next(iter(media.ranked(accept, media.ANSWERS)), None)
    if first == media.JSON:
        return ""
    return accept if first == media.NPY else None
