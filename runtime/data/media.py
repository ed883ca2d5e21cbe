"""Media: the names of content types, and the choice of one by an Accept header."""

from collections.abc import Iterable, Sequence

from ..errors import NotAcceptable

JSON = "application/json"
NPY = "application/x-npy"
NPZ = "application/x-npz"
CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
ARROW_FILE = "application/vnd.apache.arrow.file"
PARQUET = "application/vnd.apache.parquet"
MSGPACK = "application/msgpack"
MSGPACK_NUMPY = "application/x-msgpack-numpy"
MULTIPART = "multipart/form-data"
FORM = "application/x-www-form-urlencoded"
TEXT = "text/plain"
OCTETS = "application/octet-stream"
PNG = "image/png"
JPEG = "image/jpeg"
LINES = "application/x-ndjson"
EVENTS = "text/event-stream"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

ANSWERS = (JSON, NPY, NPZ, CSV, ARROW, ARROW_FILE, PARQUET, MSGPACK, MSGPACK_NUMPY)
"""What rows can be answered as, where all of it is there."""

_ALIASES = {
    "application/npy": NPY,
    "application/vnd.numpy.npy": NPY,
    "application/npz": NPZ,
    "application/vnd.numpy.npz": NPZ,
    "application/parquet": PARQUET,
    "application/x-parquet": PARQUET,
    "application/x-msgpack": MSGPACK,
    "application/vnd.msgpack": MSGPACK,
    "image/jpg": JPEG,
    "image/pjpeg": JPEG,
}
_MOST_RANGES = 64  # of one Accept header; what stands behind them is not read


def essence(content_type: str) -> str:
    """The type without its parameters, by the name that is used here; "" where nothing is said."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith("+json"):
        return JSON
    return _ALIASES.get(kind, kind)


def parameter(content_type: str, name: str) -> str | None:
    """A parameter of a content type, without its quotes."""
    for each in content_type.split(";")[1:]:
        key, _, value = each.partition("=")
        if key.strip().lower() == name:
            return value.strip().strip('"')
    return None


def is_json(content_type: str) -> bool:
    """Whether a body of this type is read as JSON: nothing said is JSON, too."""
    return essence(content_type) in {"", JSON}


def ranked(accept: str, offered: Sequence[str]) -> list[str]:
    """Those of `offered` that an Accept header takes, the most wanted first (RFC 9110, 12.5.1).

    Of equal weights the one that is named comes before what a wildcard takes, then the one that is
    named first, then the one that is offered first. No header takes everything.
    """
    ranges = list(_ranges(accept))
    if not ranges:
        return list(offered)
    found = []
    for place, kind in enumerate(offered):
        best = max(_matches(kind, ranges), default=None)
        if best is not None and best[1] > 0:
            closeness, weight, position = best
            found.append((-weight, -closeness, -position, place, kind))
    return [kind for *_, kind in sorted(found)]


def check(accept: str, offered: Sequence[str]) -> None:
    """Refuse a client that takes nothing of what is offered; of nothing offered nobody knows.

    Raises:
        NotAcceptable: naming what there is.
    """
    if accept and offered and not ranked(accept, offered):
        known = ", ".join(f"`{each}`" for each in dict.fromkeys(offered))
        raise NotAcceptable(f"Nothing that `Accept` names is given here; there is {known}.")


_Range = tuple[str, float]


def _ranges(accept: str) -> Iterable[_Range]:
    for each in accept.split(",")[:_MOST_RANGES]:
        kind = essence(each)
        if kind:
            yield kind, _weight(parameter(each, "q"))


def _weight(text: str | None) -> float:
    try:
        weight = float(text) if text is not None else 1.0
    except ValueError:
        return 1.0
    return min(max(weight, 0.0), 1.0) if weight == weight else 1.0  # noqa: PLR0124  NaN


def _matches(kind: str, ranges: Sequence[_Range]) -> Iterable[tuple[int, float, int]]:
    """How closely, how much and how early the ranges that are for `kind` name it."""
    family = kind.partition("/")[0] + "/*"
    for position, (wanted, weight) in enumerate(ranges):
        closeness = {kind: 2, family: 1, "*/*": 0, "*": 0}.get(wanted)
        if closeness is not None:
            yield closeness, weight, -position
