"""`bundle push`: copies an item of the store to a registry or a shared directory."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from ..errors import InvalidTag, Refused
from ..progress import SILENT, Progress
from ..store import Blob, Item
from ..store.files import disk
from . import referring
from .http import remedy
from .http.limits import Limits
from .known_blobs import KnownBlobs
from .reference import BucketReference, DirectoryReference, Reference, RegistryReference, parse
from .remotes.bucket import Bucket
from .remotes.directory import Directory
from .remotes.registry import Registry
from .remotes.remote import Remote
from .transfer_pool import TransferPool

if TYPE_CHECKING:
    from ..store import Store

LATEST = "latest"
NOTES = "registries"  # below the store: see `KnownBlobs`


@dataclass(frozen=True, slots=True)
class Pushed:
    """The result of a push.

    references   all of its names at the target
    manifest     the digest that the registry knows it by
    sent         bytes that travelled; mounted and present: bytes that did not have to
    signatures   that went along
    """

    item: Item
    references: tuple[str, ...]
    manifest: str
    sent: int
    mounted: int
    present: int
    signatures: int = 0


def push(  # noqa: PLR0913 - the public verb: one keyword for each decision of the caller
    tag: str,
    reference: str,
    store: "Store",
    *,
    plain_http: bool = False,
    force: bool = False,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    progress: Progress = SILENT,
) -> Pushed:
    """Copy a model or bundle from the store to a registry, a directory or a bucket.

    Only blobs that are not there travel, the manifest is last: before it there is nothing to see.
    Without a tag in `reference` it gets its version and `latest`.

    Raises:
        NotFound: when the store has no such item.
        RegistryError: when the registry cannot be reached, or says no.
        Refused: when the version is there with other content, unless `force`.
        Damaged: when the store's own copy is.
    """
    item, target = store.find(tag), parse(reference)
    names = _names(item, target)
    remote = _open(target, plain_http, limits, store, progress)
    with store.hold(item), remedy.add_hints(), disk.store_errors(f"push to `{target}`"):
        try:
            return _Push(item, store, remote, target, progress).run(names, force=force)
        finally:
            remote.close()


def _names(item: Item, target: Reference) -> list[str]:
    """The tags in the remote."""
    if target.digest:
        raise InvalidTag(
            f"`{target}` names a digest, which only the content can decide.",
            hint="Name a tag, or none.",
        )
    if target.tag:
        return [target.tag]
    if not isinstance(target, RegistryReference):
        return [f"{item.name}:{item.version}", f"{item.name}:{LATEST}"]
    return [version_tag(item.version), LATEST]


def version_tag(version: str) -> str:
    """A version as a tag of a registry, which cannot contain `+`."""
    return version.replace("+", "-")


def _open(
    target: Reference, plain_http: bool, limits: Limits, store: "Store", progress: Progress
) -> Remote:
    if isinstance(target, DirectoryReference):
        directory = Directory(target, limits)
        directory.progress = progress
        with disk.store_errors(f"push to `{target}`"):
            directory.prepare()
        return directory
    if isinstance(target, BucketReference):
        return Bucket(target, limits)
    registry = Registry(target, "pull,push", plain_http=plain_http, limits=limits)
    registry.mounts = KnownBlobs(store.root / NOTES).of(target.host)
    return registry


class _Push:
    """One push in progress."""

    def __init__(
        self, item: Item, store: "Store", remote: Remote, target: Reference, progress: Progress
    ) -> None:
        self._item = item
        self._store = store
        self._remote = remote
        self._target = target
        self._progress = progress
        self._manifest = store.manifest(item)
        self._missing: list[Blob] = []
        self._sent = self._mounted = 0
        self._lock = Lock()

    def run(self, names: Sequence[str], *, force: bool) -> Pushed:
        blobs = self._blobs()
        if not self._is_known(names, force=force):
            TransferPool(self._ask, self._remote.cut).run(blobs)
            self._missing.sort(key=lambda blob: -blob.size)
            self._send()
        self._remote.publish(self._manifest, names)
        signatures = referring.send(self._remote, self._store, self._item)
        self._note(blobs)
        total = sum(blob.size for blob in blobs)
        return Pushed(
            item=self._item,
            references=tuple(str(self._target.at(name)) for name in names),
            manifest=self._item.manifest,
            sent=self._sent,
            mounted=self._mounted,
            present=total - self._sent - self._mounted,
            signatures=signatures,
        )

    def _blobs(self) -> list[Blob]:
        """Every blob, once."""
        files = self._store.files(self._item)
        config = len(self._store.config(self._item))
        sizes = {entry.digest: entry.size for entry in files} | {self._item.digest: config}
        return [Blob(digest, size) for digest, size in sizes.items()]

    def _is_known(self, names: Sequence[str], *, force: bool) -> bool:
        """Whether the registry already has exactly this manifest.

        Raises:
            Refused: when a version would become another content there.
        """
        known = {name: self._remote.digest(name) for name in names}
        version = version_tag(self._item.version)
        for name, digest in known.items():
            is_version = name in {version, f"{self._item.name}:{self._item.version}"}
            if is_version and digest not in {None, self._item.manifest} and not force:
                raise Refused(
                    f"`{self._target.at(name)}` is there with other content.",
                    hint="Push under another tag, or replace it with `--force`.",
                )
        wanted = self._item.manifest
        return wanted in known.values() or self._remote.digest(wanted) == wanted

    def _ask(self, blob: Blob) -> None:
        if not self._remote.has(blob):
            self._missing.append(blob)

    def _send(self) -> None:
        total = sum(blob.size for blob in self._missing)
        with self._progress.meter(f"Pushing {self._item.tag}", total) as meter:

            def send(blob: Blob) -> None:
                path = self._store.blob(blob.digest)
                way = self._remote.send(blob, path, meter.advance)
                with self._lock:
                    self._mounted += blob.size if way == "mounted" else 0
                    self._sent += blob.size if way == "sent" else 0

            TransferPool(send, self._remote.cut).run(self._missing)

    def _note(self, blobs: Sequence[Blob]) -> None:
        if isinstance(self._target, RegistryReference):
            notes = KnownBlobs(self._store.root / NOTES)
            notes.note(self._target, [blob.digest for blob in blobs])
