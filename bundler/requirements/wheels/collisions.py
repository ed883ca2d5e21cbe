"""Collisions: refuses wheels that install one path with different content, or as file and folder.

This is checked twice: when a lock is made, by the RECORDs of its wheels, and a table of known
conflicts for wheels that cannot be read; and when an environment is made, by its files.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ...errors import ResolveError
from .. import builds
from ..lock.package import Package
from ..resolving.accelerator import cuda_version
from .listing import Listing, owner, parse

_PACKAGE = re.compile(r"[a-z0-9-]+")  # as asker; models and the author's lines are sentences
_SCRIPT = re.compile(r"(?:\.\./)+")
_JUNK = re.compile(
    r"(?:tests?|docs?|examples?|benchmarks?|scripts|tools)/.*|[^/]+\.(?:md|rst|txt|toml|cfg)"
    r"|(?:LICENSE|COPYING|README|CHANGELOG|AUTHORS|NOTICE)[^/]*"
    r"|(?:setup|_?build_backend|conftest|noxfile)\.py",
    re.IGNORECASE,
)
"""Files that wheels leave beside their packages by mistake, and that nothing imports."""
_SPARED = {
    "nvidia-nccl": "xgboost and torch need it to train on several GPUs only; of the two, torch "
    "does not start without its own."
}
SHOWN = 3  # colliding files named in a message


def check_lock(packages: Sequence[Package], listings: Mapping[str, Listing] | None = None) -> str:
    """Refuse a lock in which two packages would overwrite each other.

    Returns a sentence about collisions of files that nobody imports; empty if there are none.

    Raises:
        ResolveError: naming both, who asks for them, and a way out.
    """
    listings = listings or {}
    clashes = find(listings)
    named = {package.name: package for package in packages}
    for (one, two), paths in sorted(clashes.items()):
        if weighty := _weighty(paths):
            raise _refusal(weighty, [named[one], named[two]], packages)
    _check_families(packages, listings.keys())
    junk = sorted({path for paths in clashes.values() for path in paths})
    pairs = ", ".join(f"{one} and {two}" for one, two in sorted(clashes))
    sentence = f"{pairs} bring other content for {_files(junk)}, which no program should import."
    return sentence if junk else ""


def find(listings: Mapping[str, Listing]) -> dict[tuple[str, str], list[str]]:
    """The paths that two distributions install with different content, by pair.

    A path that is a file in one and a folder in the other ends with a slash.
    """
    owners: dict[str, tuple[str, str]] = {}
    folders: dict[str, str] = {}
    clashes: dict[tuple[str, str], list[str]] = {}
    for name, listing in sorted(listings.items()):
        for path, content in listing.items():
            other, theirs = owners.setdefault(path, (name, content))
            if other != name and theirs != content:
                clashes.setdefault((other, name), []).append(path)
            _note_folders(path, name, folders)
    for path in owners.keys() & folders.keys():
        one, two = sorted((owners[path][0], folders[path]))
        if one != two:
            clashes.setdefault((one, two), []).append(f"{path}/")
    return {pair: sorted(paths, key=_weight) for pair, paths in clashes.items()}


def _note_folders(path: str, name: str, folders: dict[str, str]) -> None:
    folder = path.rpartition("/")[0]
    while folder and folder not in folders:
        folders[folder] = name
        folder = folder.rpartition("/")[0]


def _weight(path: str) -> tuple[bool, bool, str]:
    """Sort key: first paths that cannot be installed, then libraries; few are shown."""
    return not path.endswith("/"), ".so" not in path, path


def _weighty(paths: Sequence[str]) -> list[str]:
    """The paths that matter, without known junk."""
    return [path for path in paths if path.endswith("/") or not _JUNK.fullmatch(path)]


def _check_families(packages: Sequence[Package], listed: Iterable[str]) -> None:
    """Check wheels that cannot be read, by their names."""
    owners: dict[str, list[Package]] = {}
    for package in packages:
        if place := builds.place(package.name):
            owners.setdefault(place, []).append(package)
    for place, claimants in sorted(owners.items()):
        names = {package.name for package in claimants}
        if len(names) > 1 and not names <= set(listed):
            raise _refusal([place], claimants, packages)


def _refusal(
    paths: Sequence[str], claimants: Sequence[Package], packages: Sequence[Package]
) -> ResolveError:
    owners = " and ".join(
        f"{package.name} {package.version}"
        + (f" (asked for by {', '.join(package.via)})" if package.via else "")
        for package in claimants
    )
    return ResolveError(_clash(paths, owners), hint=_way_out(claimants, packages))


def _clash(paths: Sequence[str], owners: str) -> str:
    if folders := [path[:-1] for path in paths if path.endswith("/")]:
        both = f"Of two wheels, one brings {_files(folders)} as a file and the other as a folder"
        return f"{both}: {owners}. They cannot be installed together."
    return (
        f"Two wheels bring {_files(paths)} with other content: {owners}. Whichever is unpacked "
        "last wins."
    )


def _files(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - SHOWN} more files" if len(paths) > SHOWN else ""
    return ", ".join(f"`{path}`" for path in paths[:SHOWN]) + more


def _way_out(claimants: Sequence[Package], packages: Sequence[Package]) -> str:
    """Which one to leave out: that of another CUDA than the rest, else either."""
    names = [package.name for package in claimants]
    rest = [package for package in packages if package.name not in names]
    cuda = (cuda_version(rest)[0] or "").partition(".")[0]
    ours = {p.name for p in claimants if "torch" in p.via}
    ours |= {name for name in names if cuda and name.endswith(f"-cu{cuda}")}
    left = [name for name in names if name not in ours] or names
    direct = {p.name for p in claimants if not all(map(_PACKAGE.fullmatch, p.via))}
    if not (left := [name for name in left if name not in direct]):
        return f"Ask for one of {' and '.join(names)} only."
    choice = " or ".join(f"`exclude_packages: [{name}]`" for name in left)
    words = [f"Leave one out under `python` in the bundlefile: {choice}."]
    words += [text for start, text in _SPARED.items() if names[0].startswith(start)]
    words += ["On CPUs neither is needed: `accelerator: cpu`."] if cuda or ours else []
    return " ".join(words)


def check_environment(site_packages: Path) -> None:
    """Refuse an environment in which two distributions claim one file with differing content.

    Raises:
        ResolveError: naming both and the first of the files.
    """
    records = sorted(site_packages.glob("*.dist-info/RECORD"))
    found = {owner(record): _installed(record) for record in records}
    for (one, two), paths in sorted(find(found).items()):
        if weighty := _weighty(paths):
            claimants = [Package(name, "", {}) for name in (one, two)]
            raise ResolveError(
                f"{one} and {two} both own {len(weighty)} files with different content: "
                f"{_files(weighty)}.",
                hint=_way_out(claimants, claimants),
            )


def disputed(site_packages: Path) -> frozenset[str]:
    """The paths that are another file for each of two distributions.

    After `check_environment` these are files that nobody imports; which one is there is chance.
    """
    records = sorted(site_packages.glob("*.dist-info/RECORD"))
    clashes = find({owner(record): _installed(record) for record in records})
    return frozenset(path for paths in clashes.values() for path in paths)


def _installed(record: Path) -> Listing:
    """Without scripts, which installers rewrite."""
    try:
        listing = parse(record.read_text("utf-8"))
    except ValueError:  # damaged: it cannot be checked
        return {}
    return {path: content for path, content in listing.items() if not _SCRIPT.match(path)}
