"""Question: a decoded prediction request of a dialect, and how its answer is encoded."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .inquiry import Inquiry
from .reply import Reply
from .served import Served


class Question(Protocol):
    """One prediction request: the model and its batch.

    batch   fitted to what the model takes, of one row at least
    rows    how many it has
    """

    served: Served
    batch: Any
    rows: int

    def reply(self, output: Any) -> Reply:
        """The answer, given what the model says to exactly these rows.

        Raises:
            RequestError: for what cannot be said in the way that the client wants it.
        """

    async def reply_offloaded(self, output: Any, deadline: float) -> Reply:
        """As `reply`, by another process where it is much; `deadline` is on the monotonic clock.

        Raises:
            RequestError: as `reply`; DeadlineExceeded.
        """


class Asking(Protocol):
    """Decodes requests and encodes answers, without waiting: a batcher stands between the two.

    A server that has such a rule needs no task for a request, and writes the answers of a batch
    together. What only the rule's handler can do is left to that.
    """

    def has_rows(self, parts: Mapping[str, str]) -> bool:
        """Whether the path, by what is named in it, leads to a model of rows."""

    def numbers_at(self, headers: Mapping[bytes, bytes]) -> int | None:
        """Where numbers begin in a body that is mostly that; it may come as a view then."""

    def ask(self, inquiry: Inquiry) -> Question | None:
        """What a request asks; None where reading it takes long, or a model's answer is not all.

        Raises:
            RequestError: what the handler would raise for it.
        """

    def replies(
        self, questions: Sequence[Any], output: Any, bounds: Sequence[int]
    ) -> Sequence[Reply]:
        """The answers to questions whose rows `bounds[i]:bounds[i + 1]` of `output` are.

        The same as each `reply` gives, and no streams.

        Raises:
            Exception: where one of them has no answer; whose fault it is shows when each is asked.
        """
