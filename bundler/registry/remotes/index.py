"""Index: the names of manifests in an OCI image layout."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from ....runtime import canonical
from ....runtime import digest as digests
from ....runtime.printable import printable
from ...errors import RegistryError
from ...store import oci
from ...untrusted import shallow_json
from .remote import Moved

LIMIT = 1 << 26  # bytes
_NAME = "org.opencontainers.image.ref.name"
_CHANGES = "io.modelbundle.changes"
_NUMBER = re.compile("[0-9]{1,15}")
_SHOWN = 10  # names in a message
_LONGEST = 128  # characters of a name in a message
_EMPTY: Mapping[str, Any] = {"schemaVersion": 2, "mediaType": oci.INDEX, "manifests": []}


@dataclass(frozen=True, slots=True)
class Index:
    """The content of `index.json`; entries of other tools are kept."""

    document: Mapping[str, Any]

    @classmethod
    def empty(cls) -> Self:
        """The index of an empty layout."""
        return cls(_EMPTY)

    @classmethod
    def read(cls, data: bytes, where: str) -> Self:
        """Read `index.json`; raises RegistryError when it is none."""
        try:
            document = shallow_json.loads(data[:LIMIT])
            checked = [(digests.is_digest(e["digest"]), _name_of(e)) for e in document["manifests"]]
            canonical.dumps(document)  # as `json` can write it: no NaN, no lone surrogate
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _not_one(where) from error
        if not all(is_digest for is_digest, _ in checked):
            raise _not_one(where)
        return cls(dict(document))

    def encode(self) -> bytes:
        """The bytes of `index.json`."""
        return canonical.dumps(dict(self.document))

    def digest(self, name: str) -> str | None:
        """The manifest of a name."""
        found = [one["digest"] for one in self.document["manifests"] if _name_of(one) == name]
        return str(found[0]) if found else None

    def expect(self, names: Sequence[str], digests: Sequence[str | None]) -> None:
        """Raise Moved if a name has none of these digests; without any, all are right."""
        for name in names:
            if digests and self.digest(name) not in digests:
                raise Moved(f"Another process has just written `{printable(name)}`; try again.")

    def chosen(self, name: str | None, where: str) -> str:
        """The digest of a name or of its `latest`; without a name, the only digest in the index.

        Raises:
            RegistryError: when there is none; lists the names.
        """
        entries = [e for e in self.document["manifests"] if name or not _is_list(e)]
        latest = {f"{name}:latest", f"{name}@latest"}  # `@` in a store
        named = {name} if name is None or self.digest(name) else latest
        found = {str(e["digest"]) for e in entries if name is None or _name_of(e) in named}
        if len(found) == 1:
            return found.pop()
        names = sorted(filter(None, map(_name_of, entries)))
        shown = ", ".join(f"`{printable(name[:_LONGEST])}`" for name in names[:_SHOWN]) or "nothing"
        which = f"There is no `{name}` in" if name else "Say which one of"
        raise RegistryError(f"{which} `{where}`; it has {shown}.", hint=f"Write `{where}:NAME`.")

    def name(self, digest: str) -> str | None:
        """A name of a manifest, its version before its `latest`."""
        names = [_name_of(one) for one in self.document["manifests"] if one["digest"] == digest]
        named = sorted(filter(None, names), key=lambda name: (name.endswith(":latest"), name))
        return named[0] if named else None

    @property
    def changes(self) -> int:
        """How many changes of a bucket are in it; see `Bucket`. None that can be read: 0."""
        notes = self.document.get("annotations")
        text = str(notes.get(_CHANGES)) if isinstance(notes, Mapping) else ""
        return int(text) if _NUMBER.fullmatch(text) else 0

    def has(self, change: "Index") -> bool:
        """Whether it has all entries of a change."""
        return all(one in self.document["manifests"] for one in change.document["manifests"])

    def changed(self, change: "Index") -> "Index":
        """The index with the next change: its entries replace those of the same names."""
        added = change.document["manifests"]
        taken = {_name_of(one) for one in added}
        kept = [one for one in self.document["manifests"] if _name_of(one) not in taken]
        notes = self.document.get("annotations")
        others = notes if isinstance(notes, Mapping) else {}
        counted = {**others, _CHANGES: str(self.changes + 1)}
        return Index({**self.document, "manifests": [*kept, *added], "annotations": counted})

    def moved(self, manifest: bytes, names: Sequence[str]) -> "Index":
        """The index with these names for a manifest."""
        kept = [one for one in self.document["manifests"] if _name_of(one) not in names]
        document = json.loads(manifest)
        known = {
            "mediaType": document.get("mediaType", oci.MANIFEST),
            "digest": digests.of_bytes(manifest),
            "size": len(manifest),
        }
        if artifact := document.get("artifactType"):  # an image has none
            known["artifactType"] = artifact
        added = [known | {"annotations": {_NAME: name}} for name in names]
        return Index({**self.document, "manifests": [*kept, *added]})


def _is_list(entry: Mapping[str, Any]) -> bool:
    """Whether it is the list of what refers to another manifest."""
    return digests.is_digest(_name_of(entry).replace("-", ":", 1))


def _not_one(where: str) -> RegistryError:
    return RegistryError(f"`{where}` is not the index of an OCI layout.")


def _name_of(entry: Mapping[str, Any]) -> str:
    return str((entry.get("annotations") or {}).get(_NAME) or "")
