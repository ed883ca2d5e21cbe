"""DialectRequest: an HTTP request, or a gRPC call in its form, as a dialect sees it."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..models.operation import Call


@dataclass(slots=True, kw_only=True)
class DialectRequest(Call):
    """A Call with its whole body, decompressed and within the server's limits.

    `Served` sets its `rows` and `queued`; a dialect may move its deadline closer.

    path       as it came, percent-encoded
    parts      named groups of the rule's pattern, percent-decoded
    headers    by their names in lower case
    body       all of it; may be a view, see `PredictionCodec.numbers_at`
    route      the name of the rule, for metrics and the log
    """

    method: str
    path: str
    parts: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[bytes, bytes]
    route: str

    @property
    def declared_type(self) -> str:
        """The Content-Type header; `content_type` is "" for the default of `curl -d`, a form."""
        return self.headers.get(b"content-type", b"").decode("latin-1")
