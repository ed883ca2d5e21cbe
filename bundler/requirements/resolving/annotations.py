"""Reads the annotations of uv in a requirements.txt: the origin and the index of each package."""

import re
from dataclasses import dataclass, replace

from ..requirements import normalize

PROJECT = "bundle-lock"
"""The name of the project that uv is asked to resolve."""


@dataclass(frozen=True, slots=True)
class Note:
    """The annotations of one package; `via` contains `PROJECT` for our own requirements."""

    version: str
    via: tuple[str, ...] = ()
    index: str | None = None


def read_annotations(text: str) -> dict[str, Note]:
    """`name -> Note` out of a requirements.txt with split annotations."""
    notes: dict[str, Note] = {}
    name = ""
    for line in text.splitlines():
        comment = line.strip().removeprefix("#").strip()
        if found := re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", line):
            name = normalize(found[1])
            notes[name] = Note(found[2])
        elif name and comment.startswith("from "):
            notes[name] = replace(notes[name], index=comment.removeprefix("from "))
        elif name and (asker := comment.removeprefix("via").strip()):
            asker = asker.removesuffix(" (pyproject.toml)")
            notes[name] = replace(notes[name], via=(*notes[name].via, asker))
    return notes


def reachable(notes: dict[str, Note], roots: set[str]) -> set[str]:
    """Names of the packages that `roots` need, they included where they are there."""
    needs: dict[str, list[str]] = {}
    for name, note in notes.items():
        for asker in note.via:
            needs.setdefault(normalize(asker), []).append(name)
    found: set[str] = set()
    waiting = [name for name in roots if name in notes]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += needs.get(name, ())
    return found
