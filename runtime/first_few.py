"""The first few names of many, for a sentence."""

from collections.abc import Sequence


def first_few(names: Sequence[object], most: int, quote: str = "") -> str:
    """The first `most` of `names` with commas between, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"{quote}{name}{quote}" for name in names[:most]) + more
