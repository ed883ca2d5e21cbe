"""Question: a request of the benchmark, and its right answer."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, Self

from ....runtime.data.samples import ATOL, RTOL, Samples

MOST = 64  # different requests
MOST_BYTES = 64 << 20  # of all of them


@dataclass(frozen=True, slots=True)
class Question:
    """The body of a request, and what the answer must be.

    answer   the recorded one, as JSON; None = whatever the first answer is
    """

    body: bytes
    content_type: str = "application/json"
    answer: bytes | None = None
    rtol: float = RTOL
    atol: float = ATOL

    def request(self, host: str, path: str) -> bytes:
        """Every byte of the HTTP request."""
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {host}\r\naccept: */*\r\n"
            f"content-type: {self.content_type}\r\ncontent-length: {len(self.body)}\r\n\r\n"
        )
        return head.encode("latin-1") + self.body

    def to_json(self) -> dict[str, Any]:
        """For the generator."""
        return {
            "body": base64.b64encode(self.body).decode(),
            "content_type": self.content_type,
            "answer": None if self.answer is None else base64.b64encode(self.answer).decode(),
            "rtol": self.rtol,
            "atol": self.atol,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        answer = data["answer"]
        return cls(
            base64.b64decode(data["body"]),
            data["content_type"],
            None if answer is None else base64.b64decode(answer),
            data["rtol"],
            data["atol"],
        )


@dataclass(frozen=True, slots=True)
class Questions:
    """The questions for a server: its recorded samples, or one given body."""

    samples: Samples | None = None
    given: Question | None = None

    @property
    def is_scalable(self) -> bool:
        """Whether a request may have any number of rows."""
        return self.given is None and bool(self.samples) and _is_row_by_row(self.samples)

    @property
    def is_recorded(self) -> bool:
        """Whether the right answers are known beforehand."""
        return self.given is None

    def rows(self, wanted: int) -> int:
        """How many a request will have."""
        if self.is_scalable:
            return wanted
        if self.samples is not None and self.given is None:
            return len(self.samples.inputs)
        return _rows_of(self.given)

    def of(self, rows: int) -> list[Question]:
        """Requests of `rows` rows each, where that is for us to say."""
        if self.given is not None:
            return [self.given]
        assert self.samples is not None
        return of_samples(self.samples, rows)


def _is_row_by_row(samples: Samples | None) -> bool:
    return (
        samples is not None and bool(samples.inputs) and len(samples.inputs) == len(samples.outputs)
    )


def _rows_of(given: Question | None) -> int:
    """Rows in a body as `bundle predict` takes it; anything else is one."""
    try:
        return max(1, len(json.loads(given.body if given else b"")["instances"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return 1


def of_samples(samples: Samples, rows: int) -> list[Question]:
    """Questions of `rows` rows each, one that begins with each recorded row.

    Where a recorded answer is not one value a row, the whole recording is one question.
    """
    if not _is_row_by_row(samples):
        return [_question(samples, samples.inputs, samples.outputs)]
    found: list[Question] = []
    size = 0
    for start in range(min(MOST, len(samples.inputs))):
        question = _question(
            samples, _turned(samples.inputs, start, rows), _turned(samples.outputs, start, rows)
        )
        size += len(question.body)
        if found and size > MOST_BYTES:
            break
        found.append(question)
    return found


def _turned(values: list[Any], start: int, count: int) -> list[Any]:
    return list(islice(cycle(values), start, start + count))


def _question(samples: Samples, inputs: list[Any], outputs: list[Any]) -> Question:
    return Question(
        _dumps({"instances": inputs}),
        answer=_dumps({"predictions": outputs}),
        rtol=samples.rtol,
        atol=samples.atol,
    )


def _dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
