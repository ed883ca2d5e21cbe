"""Challenge: the authentication that a registry asks for with a 401."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_LIMIT = 4096  # characters of a header
_PART = re.compile(
    r"""\s*,?\s*(?:
        (?P<name>[A-Za-z0-9_-]+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s,"]+))
        |(?P<scheme>[A-Za-z][A-Za-z0-9-]*)(?=\s|,|$)
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A way to authenticate: "bearer" or "basic", with its parameters (RFC 9110)."""

    scheme: str
    parameters: Mapping[str, str]


def parse(header: str) -> list[Challenge]:
    """Read a `WWW-Authenticate`; what cannot be read is left out."""
    found: list[tuple[str, dict[str, str]]] = []
    text, position = header[:_LIMIT], 0
    while part := _PART.match(text, position):
        if part.end() == position:
            break
        position = part.end()
        if part["scheme"]:
            found.append((part["scheme"].lower(), {}))
        elif found:
            quoted = part["quoted"]
            value = part["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            found[-1][1].setdefault(part["name"].lower(), value)
    return [Challenge(scheme, parameters) for scheme, parameters in found]
