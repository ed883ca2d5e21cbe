"""RecordRepair: rewrites damaged refs and other records from `index.json`."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from ....runtime.errors import BundleError
from ....runtime.manifests.bundle_manifest import BundleManifest
from ....runtime.manifests.model_manifest import ModelManifest
from ...tag import KINDS, Kind
from .. import oci
from ..blobs.blobs import Blobs
from ..files.counter import Counter
from ..files.layout import Layout
from ..item import Item
from ..refs.refs import LATEST, Refs
from ..trust import Trust
from . import lost_names

_PARTS = re.compile("([:@])")  # between the name and the version or alias of an entry


@dataclass(frozen=True, slots=True)
class RecordRepair:
    """Restores damaged and lost refs and aliases, from `index.json` if that is sound.

    The order of saving is lost, and whether the item was made here: so it counts as imported, and
    its code needs trust again, unless its digest is trusted.
    """

    layout: Layout
    trust: Trust
    refs: Refs
    blobs: Blobs
    counter: Counter

    def run(self) -> None:
        """Repair what can be repaired; called again when a manifest was restored."""
        self.layout.mend()
        self.trust.mend()
        index = self.refs.directory.parent / "index.json"
        known, damaged = lost_names.known(index), self._damaged()
        lost = lost_names.lost(index, self.refs, self.blobs)
        names = [name for name in known if name in lost or name.lower() in damaged]
        for name in sorted(names, key=lambda name: "@" in name):  # an alias is of a version
            with suppress(BundleError, OSError, ValueError):
                self._mend(name, known)

    def _damaged(self) -> set[str]:
        """The refs that cannot be read, by the lower-case name that the index has for them."""
        items = (item for kind in KINDS for item in self.refs.items(kind) if item.damaged)
        aliases = ((kind, path) for kind in KINDS for path, _ in self.refs.damaged_aliases(kind))
        return {f"{item.kind}s/{item.tag}" for item in items} | {
            f"{kind}s/{path.parent.name}{path.name}" for kind, path in aliases
        }

    def _mend(self, place: str, known: Mapping[str, str]) -> None:
        """Write the ref of a name in the index."""
        kind: Kind = "model" if place.startswith("models/") else "bundle"
        name, sign, rest = _PARTS.split(place.removeprefix(f"{kind}s/"), 1)
        if sign == ":":
            latest = known.get(f"{kind}s/{name}@{LATEST}") == known[place]
            self.refs.restore(self._read(kind, name, rest, known[place], is_latest=latest))
            return
        found = [item for item in self.refs.of_name(kind, name) if item.manifest == known[place]]
        for item in found[-1:]:
            self.refs.alias(item, rest)

    def _read(self, kind: Kind, name: str, version: str, digest: str, *, is_latest: bool) -> Item:
        manifest = self.blobs.read(digest)
        config, files = oci.read_manifest(manifest)
        framework, executes_code = _shown(kind, self.blobs.read(config.digest))
        return Item(
            kind,
            name,
            version,
            digest=config.digest,
            manifest=digest,
            manifest_size=len(manifest),
            size=config.size + sum(entry.size for entry in files),
            created=self.blobs.path(digest).stat().st_mtime,
            framework=framework,
            executes_code=executes_code,
            sequence=self.counter.next() if is_latest else 0,
            imported=True,
        )


def _shown(kind: Kind, config: bytes) -> tuple[str | None, bool]:
    """Framework and `executes_code` for listings; None and True if the config cannot be read."""
    with suppress(BundleError, ValueError):
        known = (ModelManifest if kind == "model" else BundleManifest).from_json(json.loads(config))
        return known.framework, kind == "bundle" or known.executes_code
    return None, True
