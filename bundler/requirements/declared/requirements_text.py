"""requirements.txt: lines, what they include, their hashes, and the options that it may hold."""

import codecs
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from ...errors import ResolveError
from ...untrusted import plain_file
from ..index import bare, shown
from ..lock.author_pin import AuthorPin
from ..requirements import Requirement, normalize
from .declared_requirements import DeclaredRequirements

_INCLUDE = re.compile(r"(?:--requirement|--constraint)[=\s]\s*(\S+)|-[rc][=\s]?\s*(\S+)")
_DEEPEST = 50  # files that include each other
_MOST = 100_000  # requirements in a file
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


def read(path: Path, root: Path, indexes: Collection[str]) -> DeclaredRequirements:
    """The requirements in the file at `path`, and in what it includes.

    `indexes` are the addresses that may stand in it, because packages come from there anyway.

    Raises:
        ResolveError: for what cannot be read, or would have packages taken from elsewhere.
    """
    reader = _Reader(root, indexes)
    reader.read(path, is_limit=False)
    return DeclaredRequirements(tuple(reader.wanted), tuple(reader.limits), reader.given)


class _Reader:
    """The result so far; each file is read once as requirements, and once as limits."""

    def __init__(self, root: Path, indexes: Collection[str]) -> None:
        self.wanted: list[Requirement] = []
        self.limits: list[Requirement] = []
        self.given: dict[str, AuthorPin] = {}
        self._root, self._indexes = root, indexes
        self._seen: set[tuple[Path, bool]] = set()

    def read(self, path: Path, *, is_limit: bool, depth: int = 0) -> None:
        """Read a file; `is_limit` = as constraints of packages that are in the lock anyway."""
        if (path.resolve(), is_limit) in self._seen:
            return
        self._seen.add((path.resolve(), is_limit))
        name = path.relative_to(self._root) if path.is_relative_to(self._root) else path
        for number, line in _logical_lines(path):
            place = f"{name}:{number}"
            if include := _INCLUDE.fullmatch(line):
                other = self._included(path, include[1] or include[2], place, depth)
                binds = is_limit or line.startswith(("-c", "--constraint"))
                self.read(other, is_limit=binds, depth=depth + 1)
            elif line.startswith("-") and not line.startswith(("-e", "--editable")):
                _check_option(line, place, self._indexes)
            else:
                text = self._pinned(line, place)
                (self.limits if is_limit else self.wanted).append(Requirement(text, place))

    def _included(self, path: Path, name: str, place: str, depth: int) -> Path:
        other = path.parent / name
        if "://" in name or not name.isprintable() or not is_inside(other, self._root):
            raise ResolveError(f"{place}: only files of this project can be included.")
        if not other.exists():
            raise ResolveError(f"{place}: `{shown(name)}`, which it includes, is not there.")
        if depth == _DEEPEST:
            raise ResolveError(f"{place}: the files include each other {depth} deep.")
        return other

    def _pinned(self, line: str, place: str) -> str:
        """The line without its hashes, which are noted: only a version has them, and by sha256.

        Raises:
            ResolveError: for hashes that nothing would be compared with.
        """
        values = _HASH.findall(line)
        text = _HASH.sub("", line).strip()
        if not values:
            return text
        digests = frozenset(
            v.removeprefix("sha256:").lower() for v in values if v.startswith("sha256:")
        )
        if not (pin := _PIN.fullmatch(text)):
            raise ResolveError(
                f"{place}: {shown(text)!r} has a hash, and no version that it is of.",
                hint="Write it as `name==1.2 --hash=sha256:...`.",
            )
        if not digests:
            raise ResolveError(
                f"{place}: no hash of `{pin[1]}` is one by sha256, which a lock compares.",
                hint="Add that hash: `pip hash FILE` prints it.",
            )
        name, origin = normalize(pin[1]), place.rpartition(":")[0]
        before = self.given.get(name, AuthorPin(origin, markers=()))
        files = {**before.files, pin[2]: digests | before.files.get(pin[2], frozenset())}
        markers = (*before.markers, text.partition(";")[2].strip())
        self.given[name] = AuthorPin(origin, files, markers=markers)
        return text


def _check_option(line: str, place: str, indexes: Collection[str]) -> None:
    """Refuse options that change the resolution; those that restate a default are allowed."""
    if _HARMLESS.fullmatch(line):
        return
    option = re.split(r"[=\s]", line, maxsplit=1)[0]
    if found := _INDEX.fullmatch(line):
        address = _address(found[1], place)
        if address in indexes:
            return
        raise ResolveError(
            f"{place}: `{option} {address}` would have any package taken from there, one of the "
            "same name as yours, too.",
            hint="Say what comes from it, under `python` in the bundlefile: "
            f"`indexes: [{{name: NAME, url: {address}, packages: [PACKAGE]}}]`.",
        )
    raise ResolveError(
        f"{place}: the option `{option}` is not allowed in the requirements of a bundle.",
        hint=_OPTIONS.get(option, "Indexes belong under `python.indexes` in the bundlefile."),
    )


def _address(url: str, place: str) -> str:
    try:
        return bare(url)
    except ResolveError as error:
        raise ResolveError(f"{place}: {error}") from error


def _logical_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, joined over backslashes, without comments."""
    parts: list[str] = []
    start, found = 1, 0
    for number, raw in enumerate([*read_file(path).splitlines(), ""], 1):
        part = _COMMENT.sub("", raw).rstrip()
        start = start if parts else number
        parts.append(part.removesuffix("\\"))
        if part.endswith("\\"):
            continue
        if text := " ".join(parts).strip():
            found += 1
            yield start, text
        parts = []
        if found > _MOST:
            raise ResolveError(f"`{path}` has more than {_MOST:,} lines.")


def is_inside(path: Path, root: Path) -> bool:
    """Whether a file is one of the project, wherever links lead: its lines stand in errors."""
    return path.resolve().is_relative_to(root.resolve())


def read_file(path: Path) -> str:
    """The text of a file that the bundlefile names.

    Raises:
        ResolveError: when it cannot be read, or is not a regular file of a usual size.
    """
    try:
        data = plain_file.read(path)
        # As PowerShell writes `pip freeze > requirements.txt`, and as pip reads it.
        is_wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return data.decode("utf-16" if is_wide else "utf-8-sig")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ResolveError(
            f"`python.requirements` names `{shown(str(path))}`, which cannot be read: {why}.",
            hint="Correct the name; it is relative to the bundlefile.",
        ) from error
