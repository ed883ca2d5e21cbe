"""AuthorPin: a pin of the author's own lock, and whether our lock keeps it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ....runtime.first_few import first_few
from ...errors import ResolveError
from .. import builds
from ..marker import holds
from .package import Package

SHOWN = 4  # names in a sentence


@dataclass(frozen=True, slots=True)
class AuthorPin:
    """One package of the author's own lock.

    origin   the file
    files    version -> sha256 (hex) of its files; several versions for several environments,
             no digest where the file names none
    foreign  its source if that is no index: "a repository"
    markers  it is meant where one of them holds; "" holds everywhere
    """

    origin: str
    files: Mapping[str, frozenset[str]] = field(default_factory=dict)
    foreign: str = ""
    markers: tuple[str, ...] = ("",)


def meant(
    given: Mapping[str, AuthorPin], environments: Sequence[Mapping[str, str]]
) -> dict[str, AuthorPin]:
    """Those pins that the author's lock has for one of the `environments`.

    What it names for another Python only, a package of our own may need here in any version.
    """
    return {
        name: pin
        for name, pin in given.items()
        if any(holds(text, known) is not False for text in pin.markers for known in environments)
    }


def check(given: Mapping[str, AuthorPin], packages: Iterable[Package], accelerator: str) -> None:
    """Refuse packages that differ from the author's lock.

    Raises:
        ResolveError: names each of them, and the reason.
    """
    broken = []
    for package in packages:
        if package.name in given:
            sentence, is_allowed = _difference(given[package.name], package, accelerator)
            broken += [] if is_allowed else [sentence]
    if broken:
        raise ResolveError(
            "\n".join(broken), hint="Lock that file again, or take the package out of it."
        )


def changes(
    given: Mapping[str, AuthorPin], packages: Sequence[Package], accelerator: str
) -> list[str]:
    """Differences to the author's lock that the accelerator causes, one sentence each."""
    sentences = []
    for package in packages:
        if package.name in given:
            sentence, _ = _difference(given[package.name], package, accelerator)
            sentences += [sentence] if sentence else []
    there = {package.name for package in packages}
    left = [name for name in given if builds.is_for_gpus(name) and name not in there]
    if accelerator == "cpu" and left:
        sentences.append(
            f"{first_few(left, SHOWN)} of `{given[left[0]].origin}` are left out, because of "
            "`accelerator: cpu`."
        )
    return sentences


def _difference(given: AuthorPin, package: Package, accelerator: str) -> tuple[str, bool]:
    """What differs, in a sentence, and whether the accelerator explains it; empty if nothing."""
    name, version = package.name, package.version
    if given.foreign:
        start = f"`{name}` of `{given.origin}` comes from {given.foreign}, which a bundle cannot"
        return f"{start} install; {name} {version} of an index may be somebody else's.", False
    digests = given.files.get(version)
    if digests is None:
        public, _, build = version.partition("+")
        is_build = bool(build) and public in given.files and accelerator != "auto"
        pinned = " or ".join(sorted(given.files))
        reason = f", because of `accelerator: {accelerator}`" if is_build else ""
        return f"`{given.origin}` pins {name} {pinned}; the lock has {version}{reason}.", is_build
    other = sorted(set(package.files.values()) - digests) if digests else []
    if not other:
        return "", True
    start = f"`{given.origin}` pins {name} {version} with other files than the index has now"
    return f"{start}: sha256:{other[0]} is none of them.", False
