"""Fit: the measured cost of a model call, as alpha + beta * rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Source = Literal["batches", "answers"]
Point = tuple[int, float]
_CREDIBLE = 0.5  # relative distance of the farthest point, up to which a line is one
_WORTH = 0.1  # gain in rows/s from doubling a batch, below which it is not worth it


@dataclass(frozen=True, slots=True)
class Fit:
    """The line through the points, by least squares of the relative error.

    alpha    seconds a call
    beta     seconds a row
    points   rows of a call, and its seconds
    source   the clock: the server's around its `batches`, or ours around the `answers`, which
             includes parsing and sending
    """

    alpha: float
    beta: float
    points: tuple[Point, ...]
    source: Source

    def seconds(self, rows: int) -> float:
        """Predicted, of a call with so many rows."""
        return self.alpha + self.beta * rows

    def rate(self, rows: int) -> float:
        """Rows/s of one model that always gets so many at once."""
        return rows / self.seconds(rows) if self.seconds(rows) else 0.0

    @property
    def error(self) -> float:
        """The largest relative distance of a point from the line."""
        return max(abs(self.seconds(rows) / seconds - 1) for rows, seconds in self.points)

    @property
    def is_credible(self) -> bool:
        """Whether the points are near enough to a line to conclude anything from it."""
        return self.error <= _CREDIBLE

    def worthwhile(self) -> int:
        """Rows (a power of two) beyond which twice as many win less than a tenth of rows/s.

        At most twice the largest that was measured: beyond, the line is a guess.
        """
        rows, most = 1, 2 * self.points[-1][0]
        while rows < most and self.rate(2 * rows) > (1 + _WORTH) * self.rate(rows):
            rows *= 2
        return rows


def fit(points: Sequence[Point], source: Source) -> Fit | None:
    """The line with alpha and beta not negative; None for fewer than two sizes."""
    found = tuple(sorted((rows, seconds) for rows, seconds in points if seconds > 0))
    if len({rows for rows, _ in found}) < 2:  # noqa: PLR2004 - a line
        return None
    # Divided by the seconds, so that a batch of 64 does not outweigh the lone row.
    ones = [1 / seconds for _, seconds in found]
    rows = [count / seconds for count, seconds in found]
    a, b, c = _dot(ones, ones), _dot(ones, rows), _dot(rows, rows)
    d, e = sum(ones), sum(rows)
    determinant = a * c - b * b
    alpha, beta = (d * c - e * b) / determinant, (a * e - b * d) / determinant
    if alpha < 0:
        alpha, beta = 0.0, e / c
    elif beta < 0:
        alpha, beta = d / a, 0.0
    return Fit(alpha, beta, found, source)


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(left, right, strict=True))
