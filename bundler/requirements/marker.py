"""Marker: whether an environment marker (PEP 508) holds, as far as that can be told.

The package `packaging` only knows yes and no, and wants each variable.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence

TRUE, FALSE = "python_version >= '0'", "python_version < '0'"
"""Markers that hold everywhere and nowhere, for parts that were decided beforehand."""

_TOKEN = re.compile(r"""'[^']*'|"[^"]*"|[()]|[<>=!~]=?=?|[^\s()'"<>=!~]+""")
_VERSIONS = {"python_version", "python_full_version", "implementation_version"}
_RELEASE = re.compile(r"\d{1,9}(?:\.\d{1,9})*")
_DEEPEST = 100  # brackets; uv and pip write a few
_ORDERS: Mapping[str, Callable[..., bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def environment(python: str, machine: str) -> dict[str, str]:
    """The variables of CPython `python` ("3.11": its first release) on Linux."""
    parts = [*python.split("."), "0", "0"][:3]
    return {
        "python_version": ".".join(parts[:2]),
        "python_full_version": ".".join(parts),
        "implementation_name": "cpython",
        "implementation_version": ".".join(parts),
        "platform_python_implementation": "CPython",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "platform_machine": machine,
    }


def holds(text: str, known: Mapping[str, str] | None = None) -> bool | None:
    """Whether the marker `text` holds where the variables are `known`; None if they do not say.

    >>> holds("python_version < '3.11' or sys_platform == 'win32'", environment("3.11", "x86_64"))
    False
    """
    tokens = _TOKEN.findall(text)
    if tokens.count("(") > _DEEPEST:
        return None
    return _either(tokens, known or {}) if tokens else True


def _either(tokens: list[str], known: Mapping[str, str]) -> bool | None:
    values = [_both(tokens, known)]
    while tokens and tokens[0] == "or":
        tokens.pop(0)
        values.append(_both(tokens, known))
    return True if True in values else None if None in values else False


def _both(tokens: list[str], known: Mapping[str, str]) -> bool | None:
    values = [_one(tokens, known)]
    while tokens and tokens[0] == "and":
        tokens.pop(0)
        values.append(_one(tokens, known))
    return False if False in values else None if None in values else True


def _one(tokens: list[str], known: Mapping[str, str]) -> bool | None:
    if tokens and tokens[0] == "(":
        tokens.pop(0)
        value = _either(tokens, known)
        del tokens[:1]
        return value
    size = 4 if tokens[1:3] == ["not", "in"] else 3
    words, tokens[:size] = tokens[:size], []
    decided = {TRUE: True, FALSE: False}.get(" ".join(words))
    if decided is not None or len(words) < size:
        return decided
    return _compared(words, known)


def _compared(words: Sequence[str], known: Mapping[str, str]) -> bool | None:
    left, order, right = words[0], " ".join(words[1:-1]), words[-1]
    one, two = (_value(token, known) for token in (left, right))
    if one is None or two is None:
        return None
    if order in {"in", "not in"}:
        if left in _VERSIONS:  # uv and pip read a list of versions
            return (one in re.split(r"[\s,]+", two)) == (order == "in")
        return (one in two) == (order == "in")
    if {left, right} & _VERSIONS:
        return _versions(one, order, two)
    return {"==": one == two, "===": one == two, "!=": one != two}.get(order)


def _value(token: str, known: Mapping[str, str]) -> str | None:
    return token[1:-1] if token[:1] in {"'", '"'} else known.get(token)


def _versions(one: str, order: str, two: str) -> bool | None:
    """Compare two releases; None for pre-releases and what is no version."""
    is_prefix = two.endswith(".*") and order in {"==", "!="}
    two = two.removesuffix(".*")
    if not (_RELEASE.fullmatch(one) and _RELEASE.fullmatch(two)):
        return None
    have, want = (tuple(map(int, text.split("."))) for text in (one, two))
    if is_prefix:
        return (have[: len(want)] == want) == (order == "==")
    if order == "~=":
        return have >= want and have[: len(want) - 1] == want[:-1]
    size = max(len(have), len(want))
    padded = ((*part, *[0] * (size - len(part))) for part in (have, want))
    return _ORDERS[order](*padded) if order in _ORDERS else None
