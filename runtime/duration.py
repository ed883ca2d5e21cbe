"""Durations as a person writes them: seconds, or "25ms"."""

import re

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_PATTERN = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(us|ms|s|min|m|h)?\s*")


def seconds(value: float | str) -> float:
    """`value` in seconds: a number already is, "25ms", "1.5 s" and "2m" say their unit.

    Raises:
        ValueError: when it is neither, or negative.
    """
    if isinstance(value, str):
        match = _PATTERN.fullmatch(value)
        if match is None:
            raise ValueError(f'{value!r} is not a duration; write seconds, or "25ms".')
        return float(match[1]) * _UNITS[match[2] or "s"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:  # noqa: PLR2004
        raise ValueError(f'{value!r} is not a duration; write seconds, or "25ms".')
    return float(value)
