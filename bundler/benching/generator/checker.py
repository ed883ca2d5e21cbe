"""Checker: compares answers with the recorded ones, at the cost of a set lookup."""

import json
from collections.abc import Sequence
from typing import Any

from ....runtime.data.samples import compare
from ..subject.bench_request import BenchRequest

SHOWN = 5  # differences reported
_MOST_KNOWN = 4096  # spellings of one answer: a model may round otherwise in every batch


class Checker:
    """Compares each answer with the recorded one; the same bytes are compared only once.

    Without a recorded answer, all answers must equal the first one.
    """

    def __init__(self, requests: Sequence[BenchRequest]) -> None:
        self.wrong = 0
        self.differences: list[str] = []
        self._requests = requests
        self._known: list[dict[bytes, bool]] = [{} for _ in requests]
        self._first: dict[int, bytes] = {}

    def check(self, number: int, body: bytes) -> None:
        """Count the answer to request `number` if it is wrong."""
        known = self._known[number]
        is_right = known.get(body)
        if is_right is None:
            is_right = self._compare(number, body)
            if len(known) < _MOST_KNOWN:
                known[body] = is_right
        if not is_right:
            self.wrong += 1

    def forget(self) -> None:
        """Reset the count of wrong answers."""
        self.wrong = 0
        self.differences = []

    def _compare(self, number: int, body: bytes) -> bool:
        request = self._requests[number]
        expected = request.answer
        if expected is None:
            expected = self._first.setdefault(number, body)
        differences = _differences(expected, body, request.rtol, request.atol)
        self.differences += differences[: SHOWN - len(self.differences)]
        return not differences


def _differences(expected: bytes, body: bytes, rtol: float, atol: float) -> list[str]:
    if expected == body:
        return []
    try:
        wanted, got = json.loads(expected), json.loads(body)
    except (ValueError, RecursionError):
        return [f"expected {expected[:80]!r}, got {body[:80]!r}"]
    return compare(_inside(wanted), _inside(got), rtol, atol)


def _inside(answer: Any) -> Any:
    """The predictions, without their envelope."""
    return answer["predictions"] if isinstance(answer, dict) and "predictions" in answer else answer
