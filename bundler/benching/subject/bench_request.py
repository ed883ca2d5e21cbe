"""BenchRequest: a request of a load test, and its correct answer."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, Self

from ....runtime.data.samples import ATOL, RTOL, Samples

MOST = 64  # requests, at most
MOST_BYTES = 64 << 20  # of all of them together


@dataclass(frozen=True, slots=True)
class BenchRequest:
    """The body of a request, and the correct answer.

    answer   the recorded answer as JSON; None = the first answer counts as correct
    """

    body: bytes
    content_type: str = "application/json"
    answer: bytes | None = None
    rtol: float = RTOL
    atol: float = ATOL

    def encode(self, host: str, path: str) -> bytes:
        """The bytes of the HTTP request."""
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {host}\r\naccept: */*\r\n"
            f"content-type: {self.content_type}\r\ncontent-length: {len(self.body)}\r\n\r\n"
        )
        return head.encode("latin-1") + self.body

    def to_json(self) -> dict[str, Any]:
        """Encode for the load generator."""
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
class BenchRequests:
    """The requests for a server: made of its recorded samples, or one given body."""

    samples: Samples | None = None
    given: BenchRequest | None = None

    @property
    def is_scalable(self) -> bool:
        """Whether a request may have any number of rows."""
        return self.given is None and bool(self.samples) and _is_row_by_row(self.samples)

    @property
    def is_recorded(self) -> bool:
        """Whether the correct answers were recorded."""
        return self.given is None

    def rows(self, wanted: int) -> int:
        """The number of rows of each request, if `wanted` is possible."""
        if self.is_scalable:
            return wanted
        if self.samples is not None and self.given is None:
            return len(self.samples.inputs)
        return _rows_of(self.given)

    def of(self, rows: int) -> list[BenchRequest]:
        """The requests, of `rows` rows each if that is possible."""
        if self.given is not None:
            return [self.given]
        assert self.samples is not None
        return of_samples(self.samples, rows)


def _is_row_by_row(samples: Samples | None) -> bool:
    return (
        samples is not None and bool(samples.inputs) and len(samples.inputs) == len(samples.outputs)
    )


def _rows_of(given: BenchRequest | None) -> int:
    """The number of rows in a body with `instances`; 1 for any other body."""
    try:
        return max(1, len(json.loads(given.body if given else b"")["instances"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return 1


def of_samples(samples: Samples, rows: int) -> list[BenchRequest]:
    """Requests of `rows` rows each, one that begins with each recorded row.

    If the recorded answers are not one per row, the whole recording is one request.
    """
    if not _is_row_by_row(samples):
        return [_request(samples, samples.inputs, samples.outputs)]
    found: list[BenchRequest] = []
    size = 0
    for start in range(min(MOST, len(samples.inputs))):
        request = _request(
            samples, _turned(samples.inputs, start, rows), _turned(samples.outputs, start, rows)
        )
        size += len(request.body)
        if found and size > MOST_BYTES:
            break
        found.append(request)
    return found


def _turned(values: list[Any], start: int, count: int) -> list[Any]:
    return list(islice(cycle(values), start, start + count))


def _request(samples: Samples, inputs: list[Any], outputs: list[Any]) -> BenchRequest:
    return BenchRequest(
        _dumps({"instances": inputs}),
        answer=_dumps({"predictions": outputs}),
        rtol=samples.rtol,
        atol=samples.atol,
    )


def _dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
