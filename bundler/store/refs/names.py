"""Names: the items that a store lists, with their tags; each change moves the counter."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ...errors import NotFound, Refused
from ...tag import Kind, check_name, check_version
from ..files.counter import Counter
from ..item import Item
from .refs import LATEST, Refs


@dataclass(frozen=True, slots=True)
class Names:
    """The refs and the counter behind `latest`; readers see each change whole or not at all."""

    refs: Refs
    counter: Counter
    _seen: set[tuple[Kind, str]] = field(default_factory=set)  # names that were looked at

    def publish(self, item: Item, aliases: Sequence[str]) -> Item:
        """List an item as the latest of its name, with its aliases.

        Raises:
            Refused: when the version exists with other content.
        """
        item = self.refs.publish(replace(item, sequence=self._next(item)))
        for alias in aliases:
            self.refs.alias(item, alias)
        return item

    def moved(self) -> None:
        """Advance the counter after an item was published; not writable is no error."""
        with suppress(OSError):
            self.counter.move()

    def alias(self, item: Item, alias: str) -> None:
        """Move an alias to an item; `latest` makes it the latest."""
        if alias == LATEST:
            self.refs.publish(replace(item, sequence=self._next(item)))
        else:
            self.refs.alias(item, alias)
            self.counter.next()

    def unalias(self, kind: Kind, name: str, alias: str) -> None:
        """Remove an alias.

        Raises:
            Refused: for `latest`.
            NotFound: when there is no such alias.
        """
        if alias == LATEST:
            raise Refused(
                "`latest` is always the last one that was saved or built.",
                hint=f"Move it with `bundle models alias {name}:<version> latest`.",
            )
        if not self.refs.unalias(kind, check_name(name), check_version(alias, "alias")):
            raise NotFound(kind, f"{name}@{alias}")
        self.counter.next()

    def delete(self, item: Item) -> None:
        """Remove an item and its aliases from the list, even if the disk is full."""
        self.refs.delete(item)
        with suppress(OSError):
            self.counter.next()

    def _next(self, item: Item) -> int:
        """The sequence of an item that becomes the latest of its name.

        A copy that was made while the store was written may have refs that are newer than its
        counter, so the refs of a name are looked at before the first one is added.
        """
        above = 0
        if (item.kind, item.name) not in self._seen:
            with suppress(OSError):  # a folder that may be written, and not listed
                found = self.refs.of_name(item.kind, item.name)
                above = max((one.sequence for one in found), default=0)
            self._seen.add((item.kind, item.name))
        return self.counter.next(above)
