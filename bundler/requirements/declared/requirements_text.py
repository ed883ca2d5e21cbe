"""requirements.txt: lines, what they include, their hashes, and the options that it may hold."""

import re
from collections.abc import Collection
from pathlib import Path

from ...errors import ResolveError
from ...untrusted import plain_file
from ..index import bare
from ..lock.given import Given
from ..requirements import Requirement, normalize
from .written import Written

_INCLUDE = re.compile(r"(?:--requirement|--constraint)[=\s]\s*(\S+)|-[rc][=\s]?\s*(\S+)")
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_HASH = re.compile(r"\s--hash[=\s]\s*(\S+)")
_PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*={2,3}\s*([^\s;,*]+)\s*(?:;.*)?")
_INDEX = re.compile(r"(?:-i|--index-url|--extra-index-url)[=\s]\s*(\S+)")
_HARMLESS = re.compile(r"--(?:require-hashes|prefer-binary)|--only-binary[=\s].+")
_OPTIONS = {
    "-f": "Name the folder under `python.find_links` in the bundlefile.",
    "--find-links": "Name the folder under `python.find_links` in the bundlefile.",
    "--no-binary": "Name the package under `python.allow_source` in the bundlefile.",
    "--pre": "Name the versions that you mean, as `name>=2.0rc1`.",
    "--no-index": "Use `bundle lock --offline`.",
}


def read(path: Path, root: Path, indexes: Collection[str]) -> Written:
    """The requirements in the file at `path`, and in what it includes.

    `indexes` are the addresses that may stand in it, because packages come from there anyway.

    Raises:
        ResolveError: for what cannot be read, or would have packages taken from elsewhere.
    """
    return _read(path, root, indexes, frozenset())


def _read(path: Path, root: Path, indexes: Collection[str], seen: frozenset[Path]) -> Written:
    found = Written()
    for number, line in _logical_lines(path):
        place = f"{path.relative_to(root) if path.is_relative_to(root) else path}:{number}"
        if include := _INCLUDE.fullmatch(line):
            name = include[1] or include[2]
            other = path.parent / name
            if "://" in name or not is_inside(other, root):
                raise ResolveError(f"{place}: only files of this project can be included.")
            if other in seen:
                continue
            more = _read(other, root, indexes, seen | {path})
            if line.startswith(("-c", "--constraint")):
                more = Written(limits=(*more.wanted, *more.limits), given=more.given)
            found += more
        elif line.startswith("-") and not line.startswith(("-e", "--editable")):
            _check_option(line, place, indexes)
        else:
            found += _requirement(line, place)
    return found


def _requirement(line: str, place: str) -> Written:
    digests = frozenset(
        value.removeprefix("sha256:")
        for value in _HASH.findall(line)
        if value.startswith("sha256:")
    )
    text = _HASH.sub("", line).strip()
    given = {}
    if digests and (pin := _PIN.fullmatch(text)):
        given[normalize(pin[1])] = Given(place.rpartition(":")[0], {pin[2]: digests})
    return Written((Requirement(text, place),), given=given)


def _check_option(line: str, place: str, indexes: Collection[str]) -> None:
    """Options may say again what holds anyway; none may steer the resolver."""
    if _HARMLESS.fullmatch(line):
        return
    option = re.split(r"[=\s]", line, maxsplit=1)[0]
    if found := _INDEX.fullmatch(line):
        address = bare(found[1])
        if address in indexes:
            return
        raise ResolveError(
            f"{place}: `{option} {address}` would have any package taken from there, one of the "
            "same name as yours, too.",
            hint="Say what comes from it, under `python` in the bundlefile: "
            f"`indexes: [{{name: NAME, url: {address}, packages: [PACKAGE]}}]`.",
        )
    raise ResolveError(
        f"{place}: the option `{option}` cannot stand in the requirements of a bundle.",
        hint=_OPTIONS.get(option, "Indexes belong under `python.indexes` in the bundlefile."),
    )


def _logical_lines(path: Path) -> list[tuple[int, str]]:
    """Lines with their numbers, joined over backslashes, without comments."""
    lines, pending, start = [], "", 0
    for number, raw in enumerate(read_file(path).splitlines(), 1):
        start = start if pending else number
        pending += _COMMENT.sub("", raw).rstrip()
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        text = pending.strip()
        lines += [(start, text)] if text else []
        pending = ""
    return [*lines, *([(start, pending.strip())] if pending.strip() else [])]


def is_inside(path: Path, root: Path) -> bool:
    """Whether a file is one of the project, wherever links lead: its lines stand in errors."""
    return path.resolve().is_relative_to(root.resolve())


def read_file(path: Path) -> str:
    """The text of a file that the bundlefile names.

    Raises:
        ResolveError: when it cannot be read, or is no regular file of a usual size.
    """
    try:
        return plain_file.read(path).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ResolveError(
            f"`python.requirements` names `{path}`, which cannot be read: {why}.",
            hint="Correct the name; it is relative to the bundlefile.",
        ) from error
