"""Rounding: cuts recorded answers to the digits that any machine gives."""

from typing import Any

_DIGITS = 6  # significant: what a tolerance ignores, a digest must not see


def rounded(value: Any) -> Any:
    """`value` with floats cut to what survives another thread count or process."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    return value
