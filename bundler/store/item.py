"""Item: one saved model or built bundle, as listed in the store."""

from dataclasses import dataclass
from typing import Self

from ...runtime import digest as digests
from ..tag import Kind

_SHORT = 12  # hex digits of the digest that are the default version


def default_version(digest: str) -> str:
    """The default version, from the digest: the same content has the same tag everywhere."""
    return digest.removeprefix("sha256:")[:_SHORT]


@dataclass(frozen=True, slots=True)
class Item:
    """What a listing shows of a model or a bundle; all of it is in the item's ref.

    digest     identity: sha256 of its model.json or bundle.json
    manifest   digest of the OCI manifest that names its files
    size       bytes of its files, model.json or bundle.json included
    created    time of the first save, in seconds since the epoch; for display only
    sequence   the store's counter at the last save; the highest one of a name is `latest`
    damaged    what is wrong with the ref; None if it is sound
    imported   whether it came from another store; then its vendored runtime is untrusted, too
    """

    kind: Kind
    name: str
    version: str
    digest: str
    manifest: str
    size: int
    created: float
    framework: str | None
    executes_code: bool
    aliases: tuple[str, ...] = ()
    damaged: str | None = None
    sequence: int = 0
    manifest_size: int = 0
    imported: bool = False

    @property
    def tag(self) -> str:
        """`name:version`."""
        return f"{self.name}:{self.version}"

    @property
    def deletion(self) -> str:
        """The command that deletes it."""
        return f"bundle {'models ' if self.kind == 'model' else ''}delete {self.tag}"

    def __str__(self) -> str:
        """The tag."""
        return self.tag


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob: its digest, and its size in bytes."""

    digest: str
    size: int

    @classmethod
    def of_bytes(cls, data: bytes) -> Self:
        """The blob of these bytes."""
        return cls(digests.of_bytes(data), len(data))
