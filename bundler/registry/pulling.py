"""`bundle pull`: copies an item from a registry or a shared directory into the store."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from ...runtime import digest as digests
from ...runtime.manifests.bundle_manifest import BundleManifest
from ...runtime.manifests.model_manifest import ModelManifest
from ..errors import InvalidTag, NotFound, Refused
from ..progress import SILENT, Progress
from ..store import Blob, Item
from ..store.blobs.ingest import check_room
from ..store.files import disk
from ..tag import check_name, check_version, split
from . import referring
from .artifact import Artifact
from .http import remedy
from .http.limits import Limits
from .http.retry import Retry
from .known_blobs import KnownBlobs
from .pushing import LATEST, NOTES
from .reference import BucketReference, DirectoryReference, Reference, RegistryReference, parse
from .remotes.bucket import Bucket
from .remotes.directory import Directory
from .remotes.download import Download
from .remotes.registry import Registry
from .remotes.remote import Advance, Remote
from .transfer_pool import TransferPool

if TYPE_CHECKING:
    from ..store import Store


@dataclass(frozen=True, slots=True)
class Wanted:
    """The name and version to store the item as; None = those of the pulled item."""

    name: str | None = None
    version: str | None = None
    aliases: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str | None, aliases: tuple[str, ...] = ()) -> "Wanted":
        """Read `NAME` or `NAME:VERSION`; raises InvalidTag with the rule that it breaks."""
        for alias in aliases:
            check_version(alias, "alias")
        if text is None:
            return cls(aliases=aliases)
        name, version = split(text)
        return cls(name, version or "", aliases)


@dataclass(frozen=True, slots=True)
class Pulled:
    """The result of a pull.

    manifest   the digest that the remote knows it by
    fetched    bytes that travelled; present: bytes that were here
    signatures that came along, not yet verified
    """

    item: Item
    manifest: str
    fetched: int
    present: int
    signatures: int = 0


def pull(
    reference: str,
    store: "Store",
    *,
    wanted: Wanted = Wanted(),
    plain_http: bool = False,
    limits: Limits = Limits(),  # noqa: B008
    progress: Progress = SILENT,
) -> Pulled:
    """Copy a model or bundle from a registry, a directory or a bucket into the store.

    Only blobs that are not in the store travel; each is hashed as it comes, and the item is there
    when all of it is. Nothing of it is run, and nothing is trusted.

    Raises:
        RegistryError: when the remote cannot be reached, or says no.
        InvalidBundle: when it has something else, or something odd.
        Damaged: when bytes differ from their digest.
        Refused: when the version is in the store with other content.
    """
    source = parse(reference)
    remote = _open(source, plain_http, limits)
    try:
        with remedy.add_hints():
            return _Pull(source, remote, store, limits, progress).run(wanted)
    finally:
        remote.close()


def _open(source: Reference, plain_http: bool, limits: Limits) -> Remote:
    if isinstance(source, DirectoryReference):
        return Directory(source, limits)
    if isinstance(source, BucketReference):
        return Bucket(source, limits)
    return Registry(source, "pull", plain_http=plain_http, limits=limits)


class _Pull:
    """One pull in progress."""

    def __init__(
        self, source: Reference, remote: Remote, store: "Store", limits: Limits, progress: Progress
    ) -> None:
        self._source = source
        self._remote = remote
        self._store = store
        self._limits = limits
        self._progress = progress
        self._fetched = 0
        self._lock = Lock()

    def run(self, wanted: Wanted) -> Pulled:
        where = str(self._source)
        with disk.store_errors(f"read `{where}`"):
            artifact = Artifact.read(self._remote.manifest(), where, self._limits)
        config = self._config(artifact.config)
        manifest = artifact.manifest(config, where)
        name, version = self._called(wanted, manifest)
        self._check_free(artifact, name, version)
        self._fetch(artifact, f"{name}:{version}" if version else name)
        item = self._store.commit(
            artifact.kind,
            name,
            config,
            artifact.files,
            version=version,
            aliases=wanted.aliases,
            framework=manifest.framework,
            executes_code=artifact.kind == "bundle" or manifest.executes_code,  # brings a runtime
            imported=True,
        )
        came = referring.receive(self._remote, self._store, item, self._retry(), self._progress)
        self._note(artifact)
        total = sum(blob.size for blob in artifact.blobs) + artifact.config.size
        return Pulled(item, item.manifest, self._fetched, total - self._fetched, came)

    def _config(self, blob: Blob) -> bytes:
        if self._store.has(blob.digest, blob.size):
            data = self._store.blob(blob.digest).read_bytes()
            if digests.of_bytes(data) == blob.digest:  # else it belongs to another item
                return data
        data = Download(self._remote, blob, self._retry(), lambda _: None).to_bytes()
        self._fetched += len(data)
        return data

    def _called(
        self, wanted: Wanted, manifest: ModelManifest | BundleManifest
    ) -> tuple[str, str | None]:
        """Name and version in the store: as wanted, else as in the remote, else as in the item."""
        own = manifest if isinstance(manifest, BundleManifest) else None
        there, tag = _spoken_of(self._remote.reference)
        name = wanted.name or (own.name if own else there)
        version = wanted.version
        if version is None:
            version = (own.version if own else None) or (tag if tag != LATEST else None)
        try:
            return check_name(name), check_version(version) if version else None
        except InvalidTag as error:
            raise InvalidTag(
                f"{error} That is the name of `{self._source}`.", hint="Add `--as NAME:VERSION`."
            ) from error

    def _check_free(self, artifact: Artifact, name: str, version: str | None) -> None:
        """Check before the transfer that the version is free: its content never changes."""
        if version is None:
            return
        with suppress(NotFound):
            existing = self._store.find(f"{name}:{version}", artifact.kind, damaged=True)
            if existing.digest != artifact.config.digest and not existing.damaged:
                raise Refused(
                    f"The {artifact.kind} `{existing.tag}` is in the store with other content.",
                    hint=f"Pull it under a version of its own: `--as {name}`.",
                )

    def _fetch(self, artifact: Artifact, name: str) -> None:
        missing = [blob for blob in artifact.blobs if not self._store.has(blob.digest, blob.size)]
        total = sum(blob.size for blob in missing)
        with self._store.staging() as staging:
            check_room(total, staging)
            with self._progress.meter(f"Pulling {name}", total) as meter:

                def fetch(blob: Blob) -> None:
                    self._fetch_one(blob, staging, meter.advance)

                TransferPool(fetch, self._remote.cut).run(missing)

    def _fetch_one(self, blob: Blob, staging: Path, advance: Advance) -> None:
        path = staging / blob.digest.removeprefix("sha256:")
        with disk.store_errors(f"take `{self._source}` into the store"):
            Download(self._remote, blob, self._retry(), advance).to_file(path)
            self._store.adopt(path, blob.digest)
        with self._lock:
            self._fetched += blob.size

    def _retry(self) -> Retry:
        return Retry(self._limits, self._remote.stop)

    def _note(self, artifact: Artifact) -> None:
        if isinstance(self._source, RegistryReference):
            found = [artifact.config.digest, *(blob.digest for blob in artifact.blobs)]
            KnownBlobs(self._store.root / NOTES).note(self._source, found)


def _spoken_of(source: Reference) -> tuple[str, str | None]:
    """Name and tag in the remote."""
    if isinstance(source, RegistryReference):
        return source.name, source.tag
    name, _, tag = (source.tag or "").rpartition("/")[2].partition(":")
    return name, tag or None
