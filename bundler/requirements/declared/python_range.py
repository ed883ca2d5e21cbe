"""Whether `requires-python` allows a version of Python (PEP 440)."""

import operator
import re
from collections.abc import Callable, Mapping

from ...errors import ResolveError

_CLAUSE = re.compile(r"(===|==|!=|~=|<=|>=|<|>)\s*v?(\d{1,9}(?:\.\d{1,9})*)(\.\*)?")
_PATCHES = 100  # no minor version of Python has had more
_Version = tuple[int, ...]
_ORDER: Mapping[str, Callable[[_Version, _Version], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def check(wanted: str, python: str, origin: str) -> None:
    """Compare the bundle's Python with what the file `origin` asks for.

    Raises:
        ResolveError: when they exclude each other, or the file asks for what is no range.
    """
    try:
        is_allowed = allows(wanted, python)
    except ValueError as error:
        raise ResolveError(
            f"`requires-python` of `{origin}` cannot be read: {error}.",
            hint='Write it as `requires-python = ">=3.11"`.',
        ) from error
    if not is_allowed:
        raise ResolveError(
            f"`{origin}` asks for Python {wanted}; the bundle is for {python}.",
            hint='Set another in the bundlefile, e.g. `python: {version: "3.12"}`.',
        )


def allows(wanted: str, python: str) -> bool:
    """Whether `python` is allowed; of a minor version, "3.11", any patch is enough.

    Raises:
        ValueError: for text that is no version specifier.
    """
    clauses = [clause.strip() for clause in wanted.split(",") if clause.strip()]
    found = [_CLAUSE.fullmatch(clause) for clause in clauses]
    given = _numbers(python)
    patches = range(_PATCHES) if len(given) == 2 else given[2:3]  # noqa: PLR2004 - minor version
    versions = [(*given[:2], patch) for patch in patches]
    for clause, match in zip(clauses, found, strict=True):
        if match is None:
            raise ValueError(f"{clause[:80]!r} is not a range of versions")
        versions = [one for one in versions if _holds(match[1], _numbers(match[2]), match[3], one)]
    return bool(versions)


def _holds(sign: str, number: _Version, star: str | None, version: _Version) -> bool:
    if sign in _ORDER:
        return _ORDER[sign](version, _padded(number))
    if sign == "~=":
        return version >= _padded(number) and version[: len(number) - 1] == number[:-1]
    same = version[: len(number)] == number if star else version == _padded(number)
    return same != (sign == "!=")


def _numbers(text: str) -> _Version:
    return tuple(int(part) for part in text.split("."))


def _padded(number: _Version) -> _Version:
    return (*number, 0, 0, 0)[:3]
