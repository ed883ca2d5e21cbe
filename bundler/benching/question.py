"""Question: one request, ready to be sent, and the answer that is right."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, Self

from ...runtime.data.samples import ATOL, RTOL, Samples

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


def of_samples(samples: Samples, rows: int) -> list[Question]:
    """Questions of `rows` rows each, one that begins with each recorded row.

    Where a recorded answer is not one value a row, the whole recording is one question.
    """
    if not samples.inputs or len(samples.inputs) != len(samples.outputs):
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
