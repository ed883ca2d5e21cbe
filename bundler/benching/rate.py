"""Rate: the request rate of an open loop, absolute or as a share of the capacity."""

from dataclasses import dataclass

_MOST = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Rate:
    """`value` requests/s, or that share of the measured capacity."""

    value: float
    is_share: bool = False

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """Read "80%" or "1500".

        Raises:
            ValueError: when it is neither, or no rate that a machine could have.
        """
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        if not 0 < value <= _MOST:
            raise ValueError(f"{text!r} is not a rate")
        return cls(value, text.endswith("%"))

    def of(self, capacity: float) -> float:
        """In requests/s."""
        return self.value * capacity if self.is_share else self.value
