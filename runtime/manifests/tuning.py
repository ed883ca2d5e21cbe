"""Tuning: `precision` and `compile` of a model in a bundle."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, cast

Precision = Literal["float32", "bfloat16", "float16"]
Compile = Literal[False, True, "reduce-overhead"]

# How far an answer may be from the recorded one: relative to itself, and as a share of the largest
# number recorded. About eight and four units in the last place of the dtype; compiled code sums in
# another order.
_TOLERANCES = {"bfloat16": (4e-2, 2e-2), "float16": (5e-3, 2.5e-3), "compiled": (1e-3, 1e-4)}


@dataclass(frozen=True, slots=True)
class Tuning:
    """How a model computes.

    precision  dtype of its weights and of what it calculates with; None = as it was saved
    compile    by `torch.compile`, with CUDA graphs where it says `reduce-overhead`
    rows       the largest batch to come, which compiled code is made ready for
    """

    precision: Precision | None = None
    compile: Compile = False
    rows: int = 64

    @property
    def is_default(self) -> bool:
        """Whether the model computes as it was saved."""
        return self.precision is None and not self.compile

    @property
    def tolerance(self) -> tuple[float, float] | None:
        """Relative to the answer, and as a share of the largest one; None = the samples' own."""
        coarse = _TOLERANCES.get(self.precision or "")
        return coarse or (None if self.is_default else _TOLERANCES["compiled"])

    def tolerance_on(self, device: str) -> tuple[float, float] | None:
        """The same on a device: GPUs multiply float32 as TF32, of as many digits as float16."""
        known = self.tolerance
        return known if device == "cpu" else max(known or (0.0, 0.0), _TOLERANCES["float16"])

    @property
    def words(self) -> str:
        """`bfloat16, compiled (reduce-overhead)`, or nothing."""
        mode = f" ({self.compile})" if isinstance(self.compile, str) else ""
        compiled = f"compiled{mode}" if self.compile else ""
        return ", ".join(part for part in (self.precision, compiled) if part)

    def to_json(self) -> dict[str, Any]:
        """What stands in a manifest: only what is not the default."""
        chosen = {"precision": self.precision, "compile": self.compile}
        return {name: value for name, value in chosen.items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: for a precision or a way to compile that is not known.
        """
        precision, mode = data.get("precision"), data.get("compile", False)
        if precision not in {None, "float32", "bfloat16", "float16"}:
            raise ValueError(f"{precision!r} is not a precision")
        if mode not in (False, True, "reduce-overhead"):
            raise ValueError(f"{mode!r} is not a way to compile")
        return cls(cast("Precision | None", precision), cast("Compile", mode))
