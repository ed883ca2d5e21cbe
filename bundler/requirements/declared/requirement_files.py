"""Read the requirements that an author keeps in a list or in a file of their own."""

import os
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ....runtime.errors import in_short
from ...errors import ResolveError
from ..index import Index, bare, shown
from ..requirements import Requirement
from . import foreign_lock, project_table, requirements_text
from .declared_requirements import DeclaredRequirements

DEFAULT = "https://pypi.org/simple"
_DIRECT = re.compile(r"[A-Za-z0-9._-]+\s*(?:\[[^\]]*\]\s*)?@")
_FILE = re.compile(r"[\w.~-]*[/\\]|\S+\.(?:whl|zip|tar\.gz|tgz)\b")
_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")


def read(
    source: Sequence[str] | str,
    root: Path,
    extras: Sequence[str] = (),
    groups: Sequence[str] = (),
    indexes: Iterable[Index] = (),
) -> DeclaredRequirements:
    """The requirements in the list `source`, or in the file at `root/source`.

    Files: requirements.txt (with `-r` and `-c`), pyproject.toml, pylock.toml, uv.lock. `indexes`
    are those of the bundlefile.

    Raises:
        ResolveError: for a file that is missing, unknown or holds what a lock cannot keep.
    """
    written = _read(source, root, extras, groups, [*_defaults(), *(bare(i.url) for i in indexes)])
    for requirement in (*written.wanted, *written.limits):
        _check(requirement)
    return written


def _defaults() -> list[str]:
    """Addresses of the default index, here and where it was not set otherwise."""
    named = [os.environ.get(name, "") for name in _VARIABLES]
    return [DEFAULT, *(bare(url) for url in named if url)]


def _read(
    source: Sequence[str] | str,
    root: Path,
    extras: Sequence[str],
    groups: Sequence[str],
    known: Sequence[str],
) -> DeclaredRequirements:
    if not isinstance(source, str):
        origin = "python.requirements in the bundlefile"
        return DeclaredRequirements(tuple(Requirement(text.strip(), origin) for text in source))
    path = root / source
    if not requirements_text.is_inside(path, root):
        raise ResolveError(
            f"`python.requirements` names `{source}`, which is not in the project.",
            hint="Copy the file beside the bundlefile.",
        )
    if path.suffix in {".txt", ".in"}:
        return requirements_text.read(path, root, known)
    data = _read_toml(path)
    if path.name == "pyproject.toml":
        reader = project_table.read
    elif path.name == "uv.lock":
        reader = foreign_lock.from_uv
    elif path.name.startswith("pylock"):
        reader = foreign_lock.from_pylock
    else:
        raise ResolveError(
            f"`python.requirements` names `{source}`, which is not a file of requirements.",
            hint="Use a list, requirements.txt, pyproject.toml, pylock.toml or uv.lock.",
        )
    try:
        return reader(data, source, extras, groups, known)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ResolveError(
            f"`{source}` is not a valid file of its kind: {in_short(error)}."
        ) from error


def _check(requirement: Requirement) -> None:
    """Refuse options of the resolver, direct URLs and local paths."""
    text, place = requirement.text, requirement.origin
    if "://" in text or _DIRECT.match(text):
        raise ResolveError(
            f"{place}: `{shown(text)}` comes from an address, and not from an index.",
            hint="Build a wheel of it and name its folder under `python.find_links`.",
        )
    if text.startswith(("-e", "--editable", ".", "/")) or _FILE.match(text):
        raise ResolveError(
            f"{place}: `{shown(text)}` is a folder or a file of this machine, which no bundle "
            "can install.",
            hint="Put the code beside the service, or build a wheel and name its folder under "
            "`python.find_links`.",
        )
    if text.startswith("-"):
        option = text.split(maxsplit=1)[0]
        raise ResolveError(
            f"{place}: the option `{option}` is not allowed in the requirements of a bundle.",
            hint="Indexes belong under `python.indexes` in the bundlefile.",
        )
    if "${" in text:  # uv would fill it in
        raise ResolveError(
            f"{place}: {shown(text)!r} has a variable, and a lock must not depend on one.",
            hint="Write what it stands for.",
        )
    if not requirement.name or not text.isprintable():
        raise ResolveError(
            f"{place}: {shown(text)!r} is not a requirement.", hint="Write it as `name>=1.2`."
        )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(requirements_text.read_file(path))
    except (ValueError, RecursionError) as error:  # with tomllib's own, and numbers without end
        raise ResolveError(f"`{path}` is not TOML: {error}.") from error
