"""IsoDuration: a timedelta as ISO 8601 writes it: `P3DT4H0.5S`.

Years and months are no fixed time, so they are none.
"""

import datetime as dt
import re

_FORM = re.compile(
    r"(?P<sign>[+-]?)P(?=.)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?"
    r"(?:(?P<seconds>\d+)(?:[.,](?P<parts>\d{1,6}))?S)?)?",
    re.ASCII,
)
_MOST = 32  # characters
_PLACES = 6  # of a second


def parse(text: str) -> dt.timedelta:
    """Parse a duration.

    Raises:
        ValueError, OverflowError: when it is invalid, or too long for a timedelta.
    """
    match = _FORM.fullmatch(text) if len(text) <= _MOST else None
    if match is None:
        raise ValueError(text)
    parts = match.groupdict("0")
    found = dt.timedelta(
        weeks=int(parts["weeks"]),
        days=int(parts["days"]),
        hours=int(parts["hours"]),
        minutes=int(parts["minutes"]),
        seconds=int(parts["seconds"]),
        microseconds=int(parts["parts"].ljust(_PLACES, "0")),
    )
    return -found if parts["sign"] == "-" else found


def text(span: dt.timedelta) -> str:
    """`span` in that form."""
    left = abs(span)
    minutes, seconds = divmod(left.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = f".{left.microseconds:06}".rstrip("0") if left.microseconds else ""
    units = [(f"{hours}H", hours), (f"{minutes}M", minutes), (f"{seconds}{parts}S", left % _MINUTE)]
    of_day = "".join(shown for shown, is_some in units if is_some)
    days = f"{left.days}D" if left.days else ""
    written = f"P{days}T{of_day}" if of_day else f"P{days or 'T0S'}"
    return f"-{written}" if span < dt.timedelta() else written


_MINUTE = dt.timedelta(minutes=1)
