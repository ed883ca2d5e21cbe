"""Fragments: rows that are encoded as JSON already, by a model in another process."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import orjson

from ...errors import PredictionFailed
from ..json_text import exact


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with one row.

    detail          what its client is told, or None where nothing is told
    reason          what the log is told
    is_only_a_gap   the row has a form with null for NaN, which stands among the others
    """

    detail: str | None
    reason: str
    is_only_a_gap: bool

    def error(self) -> Exception:
        """It, to be raised."""
        return TypeError(self.reason) if self.detail is None else PredictionFailed(self.detail)


@dataclass(frozen=True, slots=True)
class Fragments:
    """The rows `start:stop` of a text of JSON values.

    A row is text[ends[i - 1] : ends[i] - 1]; a comma follows it, so that neighbors are the inside
    of a JSON list. `flaws` are those of all rows in the text, by their number.
    """

    text: bytes
    ends: Sequence[int]
    flaws: dict[int, Flaw]
    start: int
    stop: int

    @classmethod
    def of(cls, text: bytes, ends: Sequence[int], flaws: Iterable[Sequence[Any]]) -> Self:
        """All rows of a text; `flaws` are the row and the fields of each."""
        return cls(text, ends, {row: Flaw(*rest) for row, *rest in flaws}, 0, len(ends))

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """The rows of `parts` under one another."""
        text: list[bytes] = []
        ends: list[int] = []
        flaws: dict[int, Flaw] = {}
        size = 0
        for part in parts:
            first = part.place(part.start)
            flaws.update((i - part.start + len(ends), flaw) for i, flaw in part.flawed())
            ends += [end - first + size for end in part.ends[part.start : part.stop]]
            text.append(part.text[first : part.place(part.stop)])
            size += len(text[-1])
        return cls(b"".join(text), ends, flaws, 0, len(ends))

    def __len__(self) -> int:
        return self.stop - self.start

    def cut(self, start: int, stop: int) -> Self:
        """The rows `start:stop` of these."""
        stop = min(self.start + stop, self.stop)
        return type(self)(self.text, self.ends, self.flaws, min(self.start + start, stop), stop)

    def check(self, *, nan_as_null: bool) -> None:
        """Refuse rows that have no JSON.

        Raises:
            PredictionFailed, TypeError: what is wrong with the first of them.
        """
        for _, flaw in sorted(self.flawed()) if self.flaws else ():
            if not (nan_as_null and flaw.is_only_a_gap):
                raise flaw.error()

    def whole(self) -> bytes:
        """All rows as one JSON list."""
        inside = self.text[self.place(self.start) : self.place(self.stop)]
        return b"[" + inside[:-1] + b"]"

    def rows(self) -> list[orjson.Fragment]:
        """Each row, for a document to be written."""
        starts = [self.place(self.start), *self.ends[self.start : self.stop]]
        return [orjson.Fragment(self.text[start : end - 1]) for start, end in pairwise(starts)]

    def values(self) -> list[Any]:
        """Each row as Python's own types."""
        values: list[Any] = exact(self.whole())
        return values

    def place(self, row: int) -> int:
        """Where a row of the text begins."""
        return self.ends[row - 1] if row else 0

    def flawed(self) -> list[tuple[int, Flaw]]:
        """Rows of these that have flaws, by their number in the text."""
        return [(row, flaw) for row, flaw in self.flaws.items() if self.start <= row < self.stop]


@dataclass(frozen=True, slots=True)
class Unfit:
    """An answer that does not consist of rows, and why."""

    why: str

    def join(self, parts: Sequence[Self]) -> Self:  # noqa: ARG002
        """What is said of the parts is said of the whole."""
        return self

    def cut(self, start: int, stop: int) -> Self:  # noqa: ARG002
        """What is said of the whole is said of each part."""
        return self

    def error(self) -> Exception:
        """It, to be raised."""
        return PredictionFailed(self.why)
