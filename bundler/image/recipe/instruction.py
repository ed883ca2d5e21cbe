r"""Instructions of a Containerfile, with every value written so that it arrives as it is.

The rules are those of Docker's own reader (moby/buildkit, frontend/dockerfile): a line ends at
"\n" and nowhere else, `#` opens a comment at the beginning of a line only, and inside double
quotes the backslash escapes `"`, `$` and itself.
"""

import json
from collections.abc import Mapping, Sequence

from ...errors import BuildError

LONGEST = 65_535  # bytes of a line; Docker's reader takes no more


def quote(text: str, what: str = "A value") -> str:
    """`text` in double quotes: nothing in it ends the value, the line, or is expanded.

    Raises:
        BuildError: for what no Containerfile can say: line breaks and other control characters,
            and halves of surrogate pairs.
    """
    for character in text:
        if (character < " " and character != "\t") or character == "\x7f":
            raise BuildError(
                f"{what} holds the control character {character!r}, which no Containerfile can say."
            )
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise BuildError(f"{what} is not valid Unicode.")
    for special in ("\\", '"', "$"):
        text = text.replace(special, "\\" + special)
    return f'"{text}"'


def pairs(instruction: str, values: Mapping[str, str]) -> str:
    """ENV or LABEL with each of `values` on a line of its own.

    Raises:
        BuildError: for a name or a value that cannot be said.
    """
    written = [f"{_name(name)}={quote(value, f'`{name}`')}" for name, value in values.items()]
    gap = " \\\n" + " " * (len(instruction) + 1)
    return f"{instruction} {gap.join(written)}"


def listed(instruction: str, words: Sequence[str]) -> str:
    """An instruction in exec form: no shell and no word splitting.

    Docker's reader takes the list as JSON, and falls back to a shell for anything else.
    """
    return f"{instruction} {json.dumps(list(words))}"


def check_lines(text: str) -> str:
    """Return `text` if Docker's reader takes every line of it.

    Raises:
        BuildError: for a line that is too long.
    """
    for line in text.split("\n"):
        if len(line.encode()) > LONGEST:
            raise BuildError(
                f"`{line[:60]}…` is longer than the {LONGEST} bytes that a line may have."
            )
    return text


def _name(name: str) -> str:
    if not name or "=" in name or any(character.isspace() for character in name):
        raise BuildError(f"{name!r} cannot be the name of a label or a variable.")
    plain = name.isascii() and all(c.isalnum() or c in "._/-" for c in name)
    return name if plain else quote(name, "A name")
