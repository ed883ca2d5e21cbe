"""PredictionCodec: decodes the prediction requests of a dialect, and encodes their answers."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .dialect_request import DialectRequest
from .reply import Reply
from .served import Served


class DecodedRequest(Protocol):
    """A decoded prediction request: the model and its batch.

    batch   at least one row, fitted to the signature of the model
    rows    number of rows of the batch
    """

    served: Served
    batch: Any

    @property
    def rows(self) -> int:
        """The number of rows of the batch."""

    def reply(self, output: Any) -> Reply:
        """Encode the output of the model for exactly these rows.

        Raises:
            RequestError: if the output cannot be encoded as the client wants it.
        """

    async def reply_offloaded(self, output: Any, deadline: float) -> Reply:
        """As `reply`; a large output is encoded by another process, until the monotonic `deadline`.

        Raises:
            RequestError: as `reply`; DeadlineExceeded.
        """


class PredictionCodec(Protocol):
    """Decodes requests and encodes answers, without waiting; a batcher runs the model in between.

    So a server needs no task per request, and writes the answers of a batch together. Requests that
    it cannot decode are left to the handler of the rule.
    """

    def has_rows(self, parts: Mapping[str, str]) -> bool:
        """Whether the model that the path names takes rows."""

    def numbers_at(self, headers: Mapping[bytes, bytes]) -> int | None:
        """The offset of the numbers in a binary body, which may then be passed as a view."""

    def decode(self, request: DialectRequest) -> DecodedRequest | None:
        """Decode a request; None if that takes long, or needs the handler of the rule.

        Raises:
            RequestError: as the handler would.
        """

    def encode(
        self, requests: Sequence[Any], output: Any, bounds: Sequence[int]
    ) -> Sequence[Reply]:
        """Encode the answers of a batch; rows `bounds[i]:bounds[i + 1]` belong to request `i`.

        The answers are those of `reply`, and no streams.

        Raises:
            Exception: if one cannot be encoded; calling each `reply` shows which one.
        """
