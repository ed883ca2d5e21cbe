"""Sizes in human-readable form."""

_UNITS = ("B", "kB", "MB", "GB", "TB")


def human(size: float) -> str:
    """Say a number of bytes: 1_234_567 is `1.2 MB`."""
    for unit in _UNITS[:-1]:
        if size < 1000:  # noqa: PLR2004
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} {_UNITS[-1]}"
