"""Bucket: an OCI image layout in an object store (`s3://`, `gs://`, `az://`), through fsspec."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock
from typing import Any

from ....runtime import digest as digests
from ....runtime.errors import BundleError, in_short
from ...errors import Damaged, RegistryError
from ...store import Blob
from ...store.files import layout
from ..http.limits import Limits
from ..reference import BucketReference
from .index import Index
from .place import Advance, Stream, Way

_LOOKS = 5  # at an index that others may have written meanwhile
_HINT = "Check the name and the credentials; `pip install s3fs`, `gcsfs` or `adlfs`."


class Bucket:
    """A `Place` whose objects appear whole or not at all; an index without a lock comes last."""

    def __init__(self, reference: BucketReference, limits: Limits = Limits()) -> None:  # noqa: B008
        self.reference = reference
        self.limits = limits
        self.stop = Event()
        self._where = reference.url
        self._fs, self._root = _opened(reference.url)
        self._lock = Lock()

    def manifest(self) -> bytes:
        """The manifest of the name or digest; see `Place`."""
        wanted = self.reference.digest or self._index().chosen(self.reference.tag, self._where)
        data = self._read(self._path(wanted), self.limits.manifest + 1)
        if data is None:
            raise RegistryError(f"`{self._where}` has no manifest {wanted}.")
        if len(data) > self.limits.manifest:
            raise RegistryError(f"The manifest is longer than {self.limits.manifest:,} bytes.")
        if digests.of_bytes(data) != wanted:
            raise Damaged(f"Expected the manifest {wanted}, got {digests.of_bytes(data)}.")
        name = self.reference.tag or self._index().name(wanted)
        self.reference = self.reference.at(name) if name else self.reference
        return data

    def has(self, blob: Blob) -> bool:
        """Whether it is there in full length."""
        with self._told():
            try:
                return bool(self._fs.info(self._path(blob.digest))["size"] == blob.size)
            except FileNotFoundError:
                return False

    def read(self, blob: Blob, offset: int) -> Stream:
        """Begin to read a blob."""
        if not self.has(blob):
            raise RegistryError(f"`{self._where}` lacks the blob `{blob.digest}`, or part of it.")
        return Stream(offset, self._pieces(blob, offset), lambda: None)

    def _pieces(self, blob: Blob, offset: int) -> Iterator[bytes]:
        with self._told(), self._fs.open(self._path(blob.digest), "rb") as file:
            file.seek(offset)
            while part := file.read(digests.CHUNK):
                self._check_cut()
                yield part

    def send(self, blob: Blob, path: Path, advance: Advance) -> Way:
        """Upload a blob; its bytes are compared with its digest before."""
        got = digests.of_file(path, lambda _: self._check_cut())
        if got != blob.digest:
            raise Damaged(
                f"The blob `{blob.digest}` has changed in the store: got {got}.",
                hint="See what is affected with `bundle verify`.",
            )
        with self._told():
            self._fs.put_file(str(path), self._path(blob.digest))
        advance(blob.size)
        return "sent"

    def digest(self, tag: str) -> str | None:
        """The digest of the manifest that has a name now."""
        return self._index().digest(tag)

    def tagged(self, tag: str) -> bytes | None:
        """The manifest or index of a name or digest."""
        wanted = tag if digests.is_digest(tag) else self.digest(tag)
        if wanted is None or not digests.is_digest(wanted):
            return None
        return self._read(self._path(wanted), self.limits.manifest)

    def referrers(self, digest: str) -> bytes | None:  # noqa: ARG002
        """Nothing: a bucket lists what its index names."""
        return None

    def refer(self, manifest: bytes) -> bool:
        """Write it by its digest; its name comes with the list of all."""
        self._write(self._path(digests.of_bytes(manifest)), manifest)
        return False

    def publish(self, manifest: bytes, tags: Sequence[str]) -> None:
        """Put the manifest's digest into the index under every name."""
        wanted = digests.of_bytes(manifest)
        self._write(self._path(wanted), manifest)
        if self._read(f"{self._root}/oci-layout", 1) is None:
            self._write(f"{self._root}/oci-layout", layout.OCI)
        for _ in range(_LOOKS):
            with self._lock:
                index = self._index()
                if (fresh := index.moved(manifest, tags)) != index:
                    self._write(f"{self._root}/index.json", fresh.encode())
            if all(self.digest(tag) == wanted for tag in tags):
                return
        raise RegistryError(f"Others write the index of `{self._where}` all the time; try again.")

    def cut(self) -> None:
        """Let downloads end at their next chunk."""
        self.stop.set()

    def close(self) -> None:
        """Nothing of ours is open."""

    def _check_cut(self) -> None:
        if self.stop.is_set():
            raise RegistryError("The copy was broken off.")

    def _path(self, digest: str) -> str:
        return f"{self._root}/blobs/sha256/{digest.removeprefix('sha256:')}"

    def _index(self) -> Index:
        path = f"{self._root}/index.json"
        data = self._read(path, None)
        return Index.empty() if data is None else Index.read(data, path)

    def _read(self, path: str, limit: int | None) -> bytes | None:
        with self._told():
            try:
                return bytes(self._fs.cat_file(path, start=0, end=limit))
            except FileNotFoundError:
                return None

    def _write(self, path: str, data: bytes) -> None:
        with self._told():
            self._fs.pipe_file(path, data)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What fsspec and the libraries below it raise is of a hundred kinds, and never ours."""
        try:
            yield
        except (BundleError, FileNotFoundError):
            raise
        except Exception as error:
            raise RegistryError(
                f"`{self._where}` cannot be used: {in_short(error)}.", hint=_HINT
            ) from error


def _opened(url: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise RegistryError(
            f"`{url}` needs fsspec, which is not installed.",
            hint="Install it with `pip install 'modelbundle[remote]'`.",
        ) from error
    try:
        system, root = url_to_fs(url, use_listings_cache=False, skip_instance_cache=True)
    except Exception as error:
        raise RegistryError(f"`{url}` cannot be used: {in_short(error)}.", hint=_HINT) from error
    return system, str(root).rstrip("/")
