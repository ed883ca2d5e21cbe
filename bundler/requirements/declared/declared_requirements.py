"""DeclaredRequirements: the requirements and pins in a file of the author."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import ResolveError
from .. import marker
from ..index import Index
from ..lock.author_pin import AuthorPin
from ..requirements import Requirement


@dataclass(frozen=True, slots=True)
class DeclaredRequirements:
    """The contents of a list or a file of requirements.

    wanted        requirements of the lock
    limits        constraints of packages that are in the lock anyway
    given         pins of the author's own lock by name; kept, or a message says why not
    indexes       indexes of some of the packages, other than the default index
    python        `requires-python`, or ""
    environments  markers, of which one has to hold; none: any environment
    """

    wanted: tuple[Requirement, ...] = ()
    limits: tuple[Requirement, ...] = ()
    given: Mapping[str, AuthorPin] = field(default_factory=dict)
    indexes: tuple[Index, ...] = ()
    python: str = ""
    environments: tuple[str, ...] = ()

    def check_environments(self, known: Mapping[str, Mapping[str, str]], source: str) -> None:
        """Compare the bundle's environments, by platform, with those that the lock was made for.

        Raises:
            ResolveError: naming the first platform that it is not for.
        """
        for platform, variables in known.items():
            if self.environments and not any(
                marker.holds(text, variables) is not False for text in self.environments
            ):
                listed = " or ".join(f"`{text}`" for text in self.environments)
                raise ResolveError(
                    f"`{source}` was locked for {listed} only; the bundle is for {platform}.",
                    hint="Lock it for Linux, too, or name the file that it was made from.",
                )


def bound(places: Mapping[str, str], origin: str, known: Sequence[str]) -> tuple[Index, ...]:
    """An index for each address in `places` (name -> address) that is none of the `known`."""
    from ..index import bare

    packages: dict[str, list[str]] = {}
    for name, place in sorted(places.items()):
        if bare(place) not in known:
            packages.setdefault(bare(place), []).append(name)
    stem = "".join(letter if letter.isalnum() else "-" for letter in origin).strip("-")
    return tuple(
        Index(url, f"{stem}-{number}", tuple(names))
        for number, (url, names) in enumerate(sorted(packages.items()), 1)
    )
