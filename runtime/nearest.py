"""Nearest: the name that was probably meant."""

from collections.abc import Iterable

_LONGEST = 80  # characters that are compared: the time grows with their square


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The name in `known` that is most like `name`; None if none is."""
    from difflib import get_close_matches  # only where something went wrong

    return next(iter(get_close_matches(name[:_LONGEST], list(known), 1)), None)


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The hint "Did you mean `...`?" with the name most like `name`; None if none is."""
    near = nearest(name, known)
    return f"Did you mean `{near}`?" if near else None
