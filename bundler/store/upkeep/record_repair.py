"""RecordRepair: rewrites damaged refs and other records from `index.json`."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ....runtime.errors import BundleError
from ....runtime.manifests.bundle_manifest import BundleManifest
from ....runtime.manifests.model_manifest import ModelManifest
from ...tag import KINDS, Kind
from .. import oci
from ..blobs.blobs import Blobs
from ..files import disk
from ..files.counter import Counter
from ..files.layout import Layout
from ..item import Item
from ..refs.refs import LATEST, Refs
from ..trust import Trust


@dataclass(frozen=True, slots=True)
class RecordRepair:
    """Restores refs and aliases from `index.json`, if that is sound, and from manifests.

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
        try:
            data = disk.read_whole(self.refs.directory.parent / "index.json")
        except OSError:
            return
        if not oci.is_sound_index(data):
            return
        known = {name: entry["digest"] for name, entry in oci.read_index(data).items()}
        for kind in KINDS:
            for item in self.refs.items(kind):
                if item.damaged:
                    self._mend(item, known)
            self._mend_aliases(kind, known)

    def _mend(self, item: Item, known: Mapping[str, str]) -> None:
        for name, digest in known.items():
            version = name.removeprefix(f"{item.kind}s/{item.name}:")
            if version != name and version.lower() == item.version:
                latest = known.get(f"{item.kind}s/{item.name}@{LATEST}") == digest
                with suppress(BundleError, OSError, ValueError):
                    self.refs.restore(self._read(item, version, digest, is_latest=latest))

    def _read(self, item: Item, version: str, digest: str, *, is_latest: bool) -> Item:
        manifest = self.blobs.read(digest)
        config, files = oci.read_manifest(manifest)
        framework, executes_code = _shown(item.kind, self.blobs.read(config.digest))
        path = Path(self.refs.directory, f"{item.kind}s", item.name, item.version)
        return Item(
            item.kind,
            item.name,
            version,
            digest=config.digest,
            manifest=digest,
            manifest_size=len(manifest),
            size=config.size + sum(entry.size for entry in files),
            created=path.lstat().st_mtime,
            framework=framework,
            executes_code=executes_code,
            sequence=self.counter.next() if is_latest else 0,
            imported=True,
        )

    def _mend_aliases(self, kind: Kind, known: Mapping[str, str]) -> None:
        for path, _ in self.refs.damaged_aliases(kind):
            start = f"{kind}s/{path.parent.name}@"
            for name, digest in known.items():
                if name.startswith(start) and name[len(start) - 1 :].lower() == path.name:
                    for item in self._with_manifest(kind, path.parent.name, digest):
                        self.refs.alias(item, name[len(start) :])

    def _with_manifest(self, kind: Kind, name: str, digest: str) -> Iterator[Item]:
        found = (item for item in self.refs.of_name(kind, name) if item.manifest == digest)
        yield from list(found)[-1:]


def _shown(kind: Kind, config: bytes) -> tuple[str | None, bool]:
    """Framework and `executes_code` for listings; None and True if the config cannot be read."""
    with suppress(BundleError, ValueError):
        if kind == "model":
            model = ModelManifest.from_json(json.loads(config))
            return model.framework, model.executes_code
        bundle = BundleManifest.from_json(json.loads(config))
        return ", ".join(dict.fromkeys(one.framework for one in bundle.models)) or None, True
    return None, True
