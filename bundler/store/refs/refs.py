"""Refs: the tags and aliases of the store, one small file each; writing one is the commit.

`refs/{models,bundles}/<name>/<version>` describes an item, `…/@<alias>` names a version. File names
are lower case, and the record inside has the tag as written, so no two tags can differ only by
case. There is no file for `latest`: it is the version with the highest sequence, so it moves at the
moment when an item is committed.
"""

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import InvalidTag, Refused
from ...tag import KINDS, Kind, check_name, check_version
from ..files import disk, record
from ..files.workspace import Workspace
from ..item import Item

LATEST = "latest"
UNKNOWN = "?"
"""The version of an entry for a name whose refs cannot be listed; never a real version."""
_UNREADABLE = (errno.EACCES, errno.EPERM, errno.EIO, errno.EUCLEAN, errno.EBADMSG)
_FIELDS = (
    "kind", "name", "version", "digest", "manifest", "manifest_size", "size", "created",
    "framework", "executes_code", "sequence",
)  # fmt: skip
_IMPORTED = "imported"  # only in refs of imported items: older versions read the others


class Refs:
    """Reading and writing `refs/`; reading takes no lock and writes nothing."""

    def __init__(self, directory: Path, workspace: Workspace) -> None:
        self.directory = directory
        self._workspace = workspace

    def items(self, kind: Kind) -> list[Item]:
        """Every item of a kind, by name and then in the order of saving."""
        try:
            names = sorted(os.listdir(self._kind(kind)))  # noqa: PTH208 - ten thousand of them
        except FileNotFoundError:
            return []
        return [item for name in names for item in self._listed(kind, name)]

    def _listed(self, kind: Kind, name: str) -> list[Item]:
        """The items of a name; a single damaged item if its folder cannot be listed."""
        try:
            return self.of_name(kind, name)
        except OSError as error:
            if error.errno not in _UNREADABLE:
                raise
            return [_damaged(kind, name, UNKNOWN, f"Its refs cannot be read: {error.strerror}.")]

    def of_name(self, kind: Kind, name: str) -> list[Item]:
        """Every item of a name, in the order of saving, with its aliases.

        Aliases are read before versions are listed, because a version exists before its aliases.
        """
        directory = f"{self._kind(kind)}/{name}"
        try:
            entries = sorted(os.listdir(directory))  # noqa: PTH208
            aliases = [entry for entry in entries if entry[0] == "@"]  # sorted, as shown
            named = self._aliases(kind, name, aliases)
            entries = sorted(os.listdir(directory)) if aliases else entries  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            return []
        versions = [entry for entry in entries if entry[0] not in "@."]
        read = (_read_item(kind, name, entry, f"{directory}/{entry}") for entry in versions)
        items = [item for item in read if item is not None]
        items.sort(key=lambda item: item.sequence)
        return _with_aliases(items, named)

    def publish(self, item: Item) -> Item:
        """Commit an item: from the moment this returns it is durable, listed and `latest`.

        Raises:
            Refused: when its version exists with other content.
        """
        path = self._path(item.kind, item.name, item.version)
        with self._workspace.file(_encode(item)) as temporary:
            while not self._create(temporary, path):
                try:
                    existing = _decode(item.kind, item.name, record.load(path))
                except FileNotFoundError:
                    continue  # deleted meanwhile
                except ValueError:
                    existing = item  # damaged: it is replaced
                check_same(existing, item)
                try:
                    item = self._renew(temporary, path, existing, item)
                except FileNotFoundError:  # deleted with its whole name, in this moment
                    disk.remove(temporary)
                    disk.write(temporary, _encode(item))
                    continue
                break
        with suppress(FileNotFoundError):  # another process has deleted it already
            disk.sync_directory(path.parent)
        return item

    def named(self, item: Item) -> Item:
        """The latest item of its name with every alias that names it."""
        try:
            entries = os.listdir(f"{self._kind(item.kind)}/{item.name}")  # noqa: PTH208
        except FileNotFoundError:
            entries = []  # another process has deleted it already
        aliases = [entry for entry in entries if entry[0] == "@"]
        named = self._aliases(item.kind, item.name, aliases).get(item.version.lower(), [])
        return replace(item, aliases=(LATEST, *sorted(named)))

    def has(self, item: Item) -> bool:
        """Whether the item has a ref; True if the refs of its name cannot be listed."""
        path = self._path(item.kind, item.name, item.version)
        return item.version == UNKNOWN or _is_there(path)

    def is_there(self, name: str) -> bool:
        """Whether this entry of `index.json` has a ref, readable or not; True if unknown."""
        try:
            return _is_there(self.place(name))
        except OSError:
            return True

    def place(self, name: str) -> Path:
        """The path of the ref of an entry of `index.json`, such as `models/iris@stable`."""
        return self.directory / name.replace("@", "/@").replace(":", "/").lower()

    def restore(self, item: Item) -> None:
        """Rewrite a ref that cannot be read, or is lost."""
        path = self._path(item.kind, item.name, item.version)
        if disk.make_directory(path.parent):
            disk.sync_directory(path.parent.parent)
        with self._workspace.file(_encode(item)) as temporary:
            temporary.replace(path)
        disk.sync_directory(path.parent)

    def alias(self, item: Item, alias: str) -> None:
        """Set an alias to this item."""
        data = {
            "kind": item.kind, "name": item.name, "alias": alias, "version": item.version,
        }  # fmt: skip
        path = self._path(item.kind, item.name, "@" + alias)
        with self._workspace.file(record.encode(data)) as temporary:
            temporary.replace(path)
        disk.sync_directory(path.parent)

    def unalias(self, kind: Kind, name: str, alias: str) -> bool:
        """Remove an alias; whether it existed."""
        path = self._path(kind, name, "@" + alias)
        removed = disk.remove(path)
        if removed:
            disk.sync_directory(path.parent)
        return removed

    def delete(self, item: Item) -> None:
        """Remove an item's ref, then its aliases, then the folder of its name if that is empty."""
        path = self._path(item.kind, item.name, item.version)
        disk.remove(path)
        for alias in item.aliases:
            if alias != LATEST:
                disk.remove(path.with_name("@" + alias.lower()))
        with suppress(FileNotFoundError):
            disk.sync_directory(path.parent)
            with suppress(OSError):
                path.parent.rmdir()  # only when empty

    def damaged_aliases(self, kind: Kind) -> list[tuple[Path, str]]:
        """Alias files that cannot be read, with the reason."""
        found = []
        for path in sorted(Path(self._kind(kind)).glob("*/@*")):
            try:
                _version_of(path.parent.name, path.name[1:], record.load(path))
            except (OSError, ValueError) as error:
                found.append((path, str(error)))
        return found

    def highest(self) -> int:
        """The highest sequence of all items."""
        return max((item.sequence for kind in KINDS for item in self.items(kind)), default=0)

    def _create(self, temporary: Path, path: Path) -> bool:
        """Create a ref unless it exists; here concurrent saves of one tag are decided."""
        while True:
            made = disk.make_directory(path.parent)
            try:
                # Others that find it empty cannot know whether its writer is still at work.
                if made or next(path.parent.iterdir(), None) is None:
                    disk.sync_directory(path.parent.parent)
                path.hardlink_to(temporary)
            except FileExistsError:
                return False
            except FileNotFoundError:
                continue  # the last item of the name was deleted meanwhile
            except PermissionError:  # the error of a file system without hard links
                if path.exists():
                    return False
                temporary.rename(path)
            return True

    def _renew(self, temporary: Path, path: Path, existing: Item, item: Item) -> Item:
        """Make an item that is saved again the latest of its name; otherwise it is unchanged."""
        if existing.sequence > item.sequence:
            return existing  # and another process did so later than we
        renewed = replace(existing, sequence=item.sequence)
        if existing.imported and not item.imported:  # the same was made here, too
            renewed = replace(item, created=existing.created)
        temporary.unlink()
        disk.write(temporary, _encode(renewed))
        temporary.replace(path)
        return renewed

    def _aliases(self, kind: Kind, name: str, entries: list[str]) -> dict[str, list[str]]:
        by_version: dict[str, list[str]] = {}
        for entry in entries:
            path = f"{self._kind(kind)}/{name}/{entry}"
            with suppress(OSError, ValueError, KeyError):  # `verify` reports damaged ones
                data = record.load(path)
                version = _version_of(name, entry[1:], data).lower()
                by_version.setdefault(version, []).append(data["alias"])
        return by_version

    def _kind(self, kind: Kind) -> str:
        return f"{self.directory}/{kind}s"

    def _path(self, kind: Kind, name: str, entry: str) -> Path:
        return Path(self._kind(kind), name, entry.lower())


def check_names(name: str, version: str | None, aliases: Sequence[str]) -> None:
    """Check name, version and aliases of an item; raises InvalidTag with the rule."""
    check_name(name)
    if version == LATEST:
        raise InvalidTag("`latest` is an alias, not a version.", hint="Leave the version out.")
    for text, what in ((version, "version"), *((alias, "alias") for alias in aliases)):
        if text is not None:
            check_version(text, what)


def _encode(item: Item) -> bytes:
    data = {name: getattr(item, name) for name in _FIELDS}
    return record.encode(data | ({_IMPORTED: True} if item.imported else {}))


def _decode(kind: Kind, name: str, data: dict[str, Any]) -> Item:
    if data.get("kind") != kind or data.get("name") != name:
        message = "it describes another item"
        raise ValueError(message)
    try:
        known = {field: data[field] for field in _FIELDS}
        return Item(**known, imported=data.get(_IMPORTED, False))
    except KeyError as error:
        message = f"it lacks {error}"
        raise ValueError(message) from error


def _read_item(kind: Kind, name: str, entry: str, path: str) -> Item | None:
    """The item of a ref, marked as damaged if it cannot be read; None if it was just deleted."""
    try:
        item = _decode(kind, name, record.load(path))
        if item.version.lower() == entry:
            return item
        reason = "it describes another item"
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    return _damaged(kind, name, entry, f"The ref is damaged: {reason}.")


def _is_there(path: Path) -> bool:
    """Whether the name is taken, by a link that leads nowhere, too; raises OSError if unknown."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _damaged(kind: Kind, name: str, version: str, why: str) -> Item:
    return Item(kind, name, version, "", "", 0, 0.0, None, True, damaged=why)


def _version_of(name: str, alias: str, data: dict[str, Any]) -> str:
    if data.get("name") != name or str(data.get("alias")).lower() != alias:
        message = "it describes another alias"
        raise ValueError(message)
    return str(data["version"])


def _with_aliases(items: list[Item], aliases: dict[str, list[str]]) -> list[Item]:
    if not items:
        return items
    if not items[-1].damaged:
        aliases.setdefault(items[-1].version.lower(), []).insert(0, LATEST)
    return [
        replace(item, aliases=tuple(named))
        if (named := aliases.get(item.version.lower()))
        else item
        for item in items
    ]


def check_same(existing: Item, item: Item) -> None:
    """Compare the item that has a tag with the one that is to get it.

    Raises:
        InvalidTag: when their tags differ only by case.
        Refused: when their digests differ.
    """
    if existing.version != item.version:
        raise InvalidTag(
            f"`{item.tag}` and `{existing.tag}` differ by case alone.",
            hint="Choose another version.",
        )
    if existing.digest != item.digest:
        where = "`version` in the bundlefile" if item.kind == "bundle" else "`--version`"
        raise Refused(
            f"The {item.kind} `{item.tag}` exists with other content.",
            hint=f"Choose another {where} (`--as`, when it is imported), or leave it out: the "
            "content names it.",
        )
