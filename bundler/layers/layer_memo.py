"""LayerMemo: remembers the digest of a layer by its contents, so that weights are hashed once.

It only saves work: bytes are hashed again when they are written or sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...runtime import digest as digests
from ..store import Blob, drafts
from ..store.files import record


@dataclass(frozen=True, slots=True)
class LayerMemo:
    """One small record per layer, and one for the last image of each bundle name."""

    directory: Path

    def get(self, key: str) -> Blob | None:
        """The layer whose contents have the digest `key`, if it is known."""
        data = self._load("known", key)
        try:
            return Blob(str(data["digest"]), int(data["size"]))
        except (KeyError, TypeError, ValueError):
            return None

    def put(self, key: str, blob: Blob) -> None:
        """Record the layer of a key, if the store is writable."""
        self._save("known", key, {"digest": blob.digest, "size": blob.size})

    def last(self, name: str) -> frozenset[str]:
        """The digests of the layers of the last image of this bundle name."""
        found = self._load("last", digests.of_bytes(name.encode())).get("layers")
        return frozenset(map(str, found)) if isinstance(found, list) else frozenset()

    def made(self, name: str, layers: Sequence[str]) -> None:
        """Record the layers of an image, for the next plan."""
        key = digests.of_bytes(name.encode())
        self._save("last", key, {"layers": list(layers)})

    def _load(self, folder: str, key: str) -> dict[str, Any]:
        try:
            return record.load(self.directory / folder / key.removeprefix("sha256:"))
        except (OSError, ValueError):
            return {}

    def _save(self, folder: str, key: str, data: dict[str, Any]) -> None:
        drafts.keep(self.directory / folder / key.removeprefix("sha256:"), record.encode(data))
