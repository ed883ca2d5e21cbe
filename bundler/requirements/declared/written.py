"""Written: the requirements and pins of an author's own file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from ..index import Index
from ..lock.given import Given
from ..requirements import Requirement


@dataclass(frozen=True, slots=True)
class Written:
    """What a list or a file of requirements says.

    wanted   must be in the lock
    limits   bind only what is there anyway
    given    name -> what a lock of the author's holds of it; kept, or it is told why not
    indexes  where that file takes some packages from, other than the default index
    python   its `requires-python`; "" where it says nothing
    """

    wanted: tuple[Requirement, ...] = ()
    limits: tuple[Requirement, ...] = ()
    given: Mapping[str, Given] = field(default_factory=dict)
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
