"""Pins: the exact versions in a foreign requirements file, for the lock."""

import re
from collections.abc import Collection, Iterable, Sequence

_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:\[[A-Za-z0-9,._ -]*\])?"
    r"\s*==\s*(?P<version>[A-Za-z0-9.!+_-]+)"
)


_LOOSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._,\[\] -]*([<>=!~][^@/]*)?")


def read(text: str, without: Collection[str] = ()) -> tuple[dict[str, str], list[str]]:
    """(distribution -> version, lines that pin nothing); `without` are left out of both.

    Local parts (`+cpu`) go, as they do in what we record; a line for another machine
    (`; python_version < "3"`) is no pin, and neither is an option, a URL or a path.
    """
    pins: dict[str, str] = {}
    loose: list[str] = []
    for line in _lines(text):
        found = _PIN.fullmatch(line)
        if found is None:
            name = re.match(r"[A-Za-z0-9._-]*", line)
            if name is None or name[0].lower() not in without:
                loose.append(line)
        elif found["name"].lower() not in without:
            pins[found["name"]] = found["version"].partition("+")[0]
    return pins, loose


def _lines(text: str) -> Iterable[str]:
    for line in text.splitlines():
        plain = re.sub(r"(^|\s)#.*", "", line).strip()
        if plain and plain.isprintable():
            yield plain[:200]


def warnings(loose: Sequence[str]) -> tuple[str, ...]:
    """Sentences about the lines that pin nothing; none where there are none."""
    plain = [line for line in loose if _LOOSE.fullmatch(line)]
    others = len(loose) - len(plain)
    notes = []
    if plain:
        named = ", ".join(f"`{line}`" for line in plain[:5])
        notes.append(
            f"Not exact, and so not recorded: {named}. Put what the model needs of it into the "
            "bundlefile's `python.requirements`."
        )
    if others:
        notes.append(f"Options, URLs and paths among its requirements are left out ({others}).")
    return tuple(notes)
