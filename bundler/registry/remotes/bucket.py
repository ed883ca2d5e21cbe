"""Bucket: an OCI image layout in an object store (`s3://`, `gs://`, `az://`), through fsspec.

Objects cannot be locked, but each store can create one only if its name is unused. So each
push writes its entries of the index as the next number below `changes/`; of two at the same moment
one gets the number, the other the next. `index.json` says how many of these are in it. It is
written afterwards, for readers, and whoever writes it looks whether it is still the newest.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ....runtime import digest as digests
from ....runtime.errors import BundleError, in_short
from ...errors import RegistryError
from ...store import Blob
from ...store.files import layout
from ..http.limits import Limits
from ..reference import BucketReference
from .index import LIMIT, Index
from .layout_remote import LayoutRemote, blob_name, changed
from .remote import Advance, Stream, Way

_MOST = 1 << 16  # changes that are not in the index yet; each is a request
_HINT = "Check the name and the credentials; `pip install s3fs`, `gcsfs` or `adlfs`."


class Bucket(LayoutRemote):
    """Objects are written atomically; those of `changes/` are never changed."""

    def __init__(self, reference: BucketReference, limits: Limits = Limits()) -> None:  # noqa: B008
        super().__init__(reference, reference.url, limits)
        self._fs, self._root = _opened(reference.url)

    def has(self, blob: Blob) -> bool:
        """Whether the bucket has the complete blob."""
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
        """Upload a blob, after comparing it with its digest."""
        got = digests.of_file(path, lambda _: self._check_cut())
        if got != blob.digest:
            raise changed(blob.digest, got)
        with self._told():
            self._fs.put_file(str(path), self._path(blob.digest))
        advance(blob.size)
        return "sent"

    def publish(
        self, manifest: bytes, tags: Sequence[str], over: Sequence[str | None] = ()
    ) -> None:
        """Put the manifest's digest into the index under every name; see `Remote`."""
        if self._read("oci-layout", 1) is None:
            self._write("oci-layout", layout.OCI)
        self._write(blob_name(digests.of_bytes(manifest)), manifest)
        index = self._index()
        change = Index.empty().moved(manifest, tags)
        while not index.has(change):
            self._check_cut()
            index.expect(tags, over)
            is_ours = self._create(_change_name(index.changes + 1), change.encode())
            index = self._newest(index)
            if is_ours:
                break
        self._write_index(index)

    def _create(self, name: str, data: bytes) -> bool:
        """Write a file unless there is one; returns whether it has these bytes now."""
        try:
            with self._told():
                self._fs.pipe_file(f"{self._root}/{name}", data, mode="create")
        except (RegistryError, FileExistsError):  # each library has its own exceptions
            if (found := self._read(name, LIMIT)) is None:
                raise
            return found == data
        return True

    def _write_index(self, index: Index) -> None:
        """Write `index.json`, and again if other pushes have added changes meanwhile.

        The last writer finds no further change, so the newest index remains.
        """
        while self._listed().changes < index.changes:
            self._write("index.json", index.encode())
            newer = self._newest(index)
            if newer.changes == index.changes:  # whatever a slow store shows of it yet
                return
            index = newer

    def _index(self) -> Index:
        return self._newest(self._listed())

    def _listed(self) -> Index:
        """The index in `index.json`."""
        data = self._read("index.json", LIMIT)
        return Index.read(data, f"{self._where}/index.json") if data else Index.empty()

    def _newest(self, index: Index) -> Index:
        """The index with all later changes."""
        for _ in range(_MOST):
            name = _change_name(index.changes + 1)
            data = self._read(name, LIMIT)
            if data is None:
                return index
            self._check_cut()
            index = index.changed(Index.read(data, f"{self._where}/{name}"))
        raise RegistryError(
            f"`{self._where}/index.json` lacks more than {_MOST:,} of the changes beside it.",
            hint="Restore it, or delete the objects below `changes/`.",
        )

    def _path(self, digest: str) -> str:
        return f"{self._root}/{blob_name(digest)}"

    def _read(self, name: str, limit: int) -> bytes | None:
        with self._told():
            try:
                return bytes(self._fs.cat_file(f"{self._root}/{name}", start=0, end=limit))
            except FileNotFoundError:
                return None

    def _write(self, name: str, data: bytes) -> None:
        with self._told():
            self._fs.pipe_file(f"{self._root}/{name}", data)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Convert any exception of fsspec and the libraries below it, which share no base class."""
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


def _change_name(number: int) -> str:
    return f"changes/{number}.json"
