"""Samples: recorded inputs and outputs of a method, which can be replayed."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, Self

from .. import canonical
from ..errors import InvalidBundle

SCHEMA = 1
RTOL = 1e-4  # relative: another CPU or thread count sums in another order
ATOL = 1e-6
MOST_SHOWN = 64 << 10  # bytes of JSON


@dataclass(frozen=True, slots=True)
class Samples:
    """Instances and their predictions, as they are in JSON."""

    method: str
    inputs: list[Any]
    outputs: list[Any]
    rtol: float = RTOL
    atol: float = ATOL

    def encode(self) -> bytes:
        """The bytes of `samples/<method>.json`: canonical, so that they have one digest."""
        return canonical.dumps(
            {
                "schema": SCHEMA,
                "method": self.method,
                "inputs": self.inputs,
                "outputs": self.outputs,
                "tolerance": {"rtol": self.rtol, "atol": self.atol},
            }
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `encode` made.

        Raises:
            InvalidBundle: when the file is missing, damaged or of a newer schema.
        """
        try:
            data = json.loads(path.read_bytes())
            if data["schema"] > SCHEMA:
                raise InvalidBundle(
                    f"`{path.name}` has schema {data['schema']}; we read up to {SCHEMA}.",
                    hint="Upgrade with `pip install -U modelbundle`.",
                )
            tolerance = data["tolerance"]
            inputs, outputs = list(data["inputs"]), list(data["outputs"])
            return cls(data["method"], inputs, outputs, tolerance["rtol"], tolerance["atol"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise InvalidBundle(f"The samples `{path.name}` cannot be read: {error}.") from error

    @property
    def shown(self) -> Self:
        """The first of them, as an example in a document; one at least, however long it is."""
        sizes = accumulate(len(json.dumps(each)) for each in self.inputs)
        kept = max(1, sum(size <= MOST_SHOWN for size in sizes))
        return replace(self, inputs=self.inputs[:kept], outputs=self.outputs[:kept])

    def loosened(self, tolerance: tuple[float, float] | None) -> Self:
        """The same samples under a wider tolerance: relative, and a share of the largest output.

        None leaves them as they are. Where every output is small, so is what may differ.
        """
        if tolerance is None:
            return self
        relative, share = tolerance
        absolute = share * max(_magnitudes(self.outputs), default=0.0)
        return replace(self, rtol=max(self.rtol, relative), atol=max(self.atol, absolute))

    def largest_difference(self, got: list[Any]) -> float:
        """By how much a number in `got` differs from the recorded one, at most."""
        return max(_distances(self.outputs, got), default=0.0)

    def differences(self, got: list[Any]) -> list[str]:
        """How `got` differs from the recorded outputs, beyond their tolerance."""
        return compare(self.outputs, got, self.rtol, self.atol)


def compare(expected: Any, got: Any, rtol: float = RTOL, atol: float = ATOL) -> list[str]:
    """Differences between two JSON values, each with its place: "predictions[0]: 1, got 2"."""
    found: list[str] = []
    _compare(expected, got, "predictions", (rtol, atol), found)
    return found


def _compare(
    expected: Any, got: Any, place: str, tolerance: tuple[float, float], found: list[str]
) -> None:
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for position, pair in enumerate(zip(expected, got, strict=True)):
            _compare(*pair, f"{place}[{position}]", tolerance, found)
    elif (
        isinstance(expected, Mapping) and isinstance(got, Mapping) and expected.keys() == got.keys()
    ):
        for name in expected:
            _compare(expected[name], got[name], f"{place}.{name}", tolerance, found)
    elif not _is_equal(expected, got, *tolerance):
        found.append(f"{place}: expected {_short(expected)}, got {_short(got)}")


def _magnitudes(value: Any) -> Iterator[float]:
    for part in _parts(value):
        yield from _magnitudes(part)
    if type(value) in {int, float} and math.isfinite(value):
        yield abs(value)


def _distances(expected: Any, got: Any) -> Iterator[float]:
    for one, other in zip(_parts(expected), _parts(got), strict=False):
        yield from _distances(one, other)
    if {type(expected), type(got)} <= {int, float} and float in {type(expected), type(got)}:
        yield abs(expected - got)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [value[name] for name in sorted(value)]
    return value if isinstance(value, list) else []


def _is_equal(expected: Any, got: Any, rtol: float, atol: float) -> bool:
    numbers = {type(expected), type(got)} <= {int, float}
    if numbers and float in {type(expected), type(got)}:
        return math.isclose(expected, got, rel_tol=rtol, abs_tol=atol)
    return type(expected) is type(got) and bool(expected == got)


def _short(value: Any, limit: int = 80) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else text[: limit - 1] + "…"
