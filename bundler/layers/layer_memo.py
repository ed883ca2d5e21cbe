"""LayerMemo: remembers the digest of a layer by its contents, so that weights are hashed once.

It saves work and nothing rests on it: what is written or sent is hashed again on its way.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...runtime import digest as digests
from ..store import Blob, drafts
from ..store.files import record


@dataclass(frozen=True, slots=True)
class LayerMemo:
    """One small record for each layer that was ever made, and one for the last image of a name."""

    directory: Path

    def get(self, key: str) -> Blob | None:
        """The layer of the contents that `key` is the digest of."""
        data = self._load("known", key)
        try:
            return Blob(str(data["digest"]), int(data["size"]))
        except (KeyError, TypeError, ValueError):
            return None

    def put(self, key: str, blob: Blob) -> None:
        """Remember it, where the store can be written."""
        self._save("known", key, {"digest": blob.digest, "size": blob.size})

    def last(self, name: str) -> frozenset[str]:
        """Digests of the layers that the last image of this bundle's name had."""
        found = self._load("last", digests.of_bytes(name.encode())).get("layers")
        return frozenset(map(str, found)) if isinstance(found, list) else frozenset()

    def made(self, name: str, layers: Sequence[str]) -> None:
        """Remember an image's layers, for the next plan."""
        key = digests.of_bytes(name.encode())
        self._save("last", key, {"layers": list(layers)})

    def _load(self, folder: str, key: str) -> dict[str, Any]:
        try:
            return record.load(self.directory / folder / key.removeprefix("sha256:"))
        except (OSError, ValueError):
            return {}

    def _save(self, folder: str, key: str, data: dict[str, Any]) -> None:
        path = self.directory / folder / key.removeprefix("sha256:")
        temporary = drafts.beside(path)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(record.encode(data))
            temporary.replace(path)
