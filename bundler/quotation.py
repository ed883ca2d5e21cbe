"""Quotation: a name from elsewhere, fit to stand in one line of an error."""

_LONGEST = 80  # characters that are repeated


def quoted(name: str | bytes) -> str:
    """`name` between quotes, escaped, and cut where it is longer than anybody reads."""
    text = repr(name[:_LONGEST]).removeprefix("b")
    return text if len(name) <= _LONGEST else f"{text}... ({len(name):,} characters)"
