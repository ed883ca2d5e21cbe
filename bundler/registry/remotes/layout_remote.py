"""LayoutRemote: an OCI image layout, read and written file by file; its index is written last."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from threading import Event

from ....runtime import digest as digests
from ...errors import Damaged, RegistryError
from ..http.limits import Limits
from ..reference import BucketReference, DirectoryReference
from .index import LIMIT, Index


class LayoutRemote(ABC):
    """A `Remote` whose writers share one index of manifests."""

    def __init__(
        self, reference: DirectoryReference | BucketReference, where: str, limits: Limits
    ) -> None:
        self.reference = reference
        self.limits = limits
        self.stop = Event()
        self._where = where

    def manifest(self) -> bytes:
        """The manifest of the name or digest; see `Remote`."""
        wanted = self.reference.digest or self._index().chosen(self.reference.tag, self._where)
        data = self._read(blob_name(wanted), self.limits.manifest + 1)
        if data is None:
            raise RegistryError(f"`{self._where}` has no manifest {wanted}.")
        if len(data) > self.limits.manifest:
            raise RegistryError(f"The manifest is longer than {self.limits.manifest:,} bytes.")
        if digests.of_bytes(data) != wanted:
            raise Damaged(f"Expected the manifest {wanted}, got {digests.of_bytes(data)}.")
        if self.reference.tag is None and self._read("index.json", 1) is not None:
            name = self._index().name(wanted)
            self.reference = self.reference.at(name) if name else self.reference
        return data

    def digest(self, tag: str) -> str | None:
        """The current digest of a name."""
        return self._index().digest(tag)

    def tagged(self, tag: str) -> bytes | None:
        """The manifest or index of a name or digest."""
        wanted = tag if digests.is_digest(tag) else self.digest(tag)
        if wanted is None or not digests.is_digest(wanted):
            return None
        return self._read(blob_name(wanted), self.limits.manifest)

    def referrers(self, digest: str) -> bytes | None:  # noqa: ARG002
        """None: a layout lists only what its index names."""
        return None

    def refer(self, manifest: bytes) -> bool:
        """Write the manifest as a blob; the index names it later, with all others."""
        self._write(blob_name(digests.of_bytes(manifest)), manifest)
        return False

    @abstractmethod
    def publish(
        self, manifest: bytes, tags: Sequence[str], over: Sequence[str | None] = ()
    ) -> None:
        """Put the manifest's digest into the index under every name; see `Remote`."""

    def cut(self) -> None:
        """Let copies end at their next chunk."""
        self.stop.set()

    def close(self) -> None:  # noqa: B027 - neither kind has anything to close
        """Do nothing."""

    def _check_cut(self) -> None:
        if self.stop.is_set():
            raise RegistryError("The copy was broken off.")

    def _index(self) -> Index:
        data = self._read("index.json", LIMIT)
        if data is None:
            return self._without_index()
        return Index.read(data, f"{self._where}/index.json")

    def _without_index(self) -> Index:
        return Index.empty()

    @abstractmethod
    def _read(self, name: str, limit: int) -> bytes | None:
        """The first bytes of a file of the layout, if there is one."""

    @abstractmethod
    def _write(self, name: str, data: bytes) -> None:
        """Write a file of the layout atomically."""


def blob_name(digest: str) -> str:
    """The path of a blob in a layout."""
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def changed(digest: str, got: str) -> Damaged:
    """The error for a blob of our store whose bytes do not match its digest."""
    return Damaged(
        f"The blob `{digest}` has changed in the store: got {got}.",
        hint="See what is affected with `bundle verify`.",
    )
