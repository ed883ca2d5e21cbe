"""The error for a part of an archive that cannot be used."""

from ...errors import InvalidArchive

_LONGEST = 300  # characters of the reason
_HINT = "Copy the archive again, or export it again with `bundle export`."


def unusable(part: str, why: Exception | str) -> InvalidArchive:
    """The error; `part` is what it is about, `why` a reason or what its reader has raised."""
    reason = f"it lacks {why}" if isinstance(why, KeyError) else str(why)[:_LONGEST].rstrip(".")
    return InvalidArchive(f"{part} of the archive cannot be used: {reason}.", hint=_HINT)
