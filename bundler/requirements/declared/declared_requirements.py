"""DeclaredRequirements: the requirements and pins in a file of the author."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from ..index import Index
from ..lock.author_pin import AuthorPin
from ..requirements import Requirement


@dataclass(frozen=True, slots=True)
class DeclaredRequirements:
    """The contents of a list or a file of requirements.

    wanted   requirements of the lock
    limits   constraints of packages that are in the lock anyway
    given    pins of the author's own lock by name; kept, or a message says why not
    indexes  indexes of some of the packages, other than the default index
    python   `requires-python`, or ""
    """

    wanted: tuple[Requirement, ...] = ()
    limits: tuple[Requirement, ...] = ()
    given: Mapping[str, AuthorPin] = field(default_factory=dict)
    indexes: tuple[Index, ...] = ()
    python: str = ""

    def __add__(self, other: Self) -> Self:
        """Both, in this order."""
        return type(self)(
            (*self.wanted, *other.wanted),
            (*self.limits, *other.limits),
            {**self.given, **other.given},
            (*self.indexes, *other.indexes),
            self.python or other.python,
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
