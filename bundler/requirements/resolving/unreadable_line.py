"""Finds the requirement that uv cannot parse: for a whole project uv does not name it."""

import re
from pathlib import Path

from ...errors import ResolveError
from ..index import shown
from ..requirements import Requirements
from . import uv

_SYMPTOM = "Building source distributions is disabled"
_ASKED, _LIMITS = "asked.txt", "limits.txt"
_POSITION = re.compile(r"Couldn't parse requirement in `[^`]*` at position (\d+)\n(.+)")
_LINE = re.compile(rf"(.+): (?:{re.escape(_ASKED)}|{re.escape(_LIMITS)}):(\d+):\d+")


def named(error: ResolveError, requirements: Requirements, folder: Path) -> ResolveError:
    """`error` of uv in `folder`, or the line that is behind it and what is wrong with it."""
    lines = requirements.wanted
    if str(error) == _SYMPTOM:
        error = _read_alone([item.text for item in lines], folder) or error
    elif f"`{_LIMITS}` at position" in str(error) or f" {_LIMITS}:" in str(error):
        lines = requirements.limits
    found = _place(str(error), "".join(f"{item.text}\n" for item in lines))
    if found is None or found[0] >= len(lines):
        return error
    item = lines[found[0]]
    message = f"{item.origin}: {shown(item.text)!r} is not a requirement: {found[1]}."
    return ResolveError(message, hint="Write it as `name>=1.2`.")


def _read_alone(texts: list[str], folder: Path) -> ResolveError | None:
    """What uv says of the lines in a file of their own: there it names the place."""
    (folder / _ASKED).write_text("".join(f"{text}\n" for text in texts), "utf-8")
    try:
        uv.run(["pip", "compile", _ASKED, "--no-deps"], cwd=folder, offline=True)
    except ResolveError as error:
        return error
    return None


def _place(message: str, text: str) -> tuple[int, str] | None:
    """The number of the line, from 0, and what is wrong there."""
    if found := _POSITION.search(message):
        return text.encode()[: int(found[1])].count(b"\n"), found[2].rstrip(".")
    if found := _LINE.search(message):
        return int(found[2]) - 1, found[1]
    return None
