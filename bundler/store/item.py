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
    """What a listing shows of a model or a bundle; everything stands in its ref.

    digest     identity: sha256 of its model.json or bundle.json
    manifest   digest of the OCI manifest that names its files
    size       bytes of its files, model.json or bundle.json included
    created    seconds since the epoch of the first save; told, never ordered by
    sequence   the store's counter at the last save: the highest of a name is `latest`
    damaged    what is wrong with the ref, None where nothing is
    imported   whether it came from elsewhere, so that even a bundle's own runtime is not ours
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

    def __str__(self) -> str:
        """As a person names it."""
        return self.tag


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes in the store: their digest and how many they are."""

    digest: str
    size: int

    @classmethod
    def of_bytes(cls, data: bytes) -> Self:
        """What these bytes are called in the store."""
        return cls(digests.of_bytes(data), len(data))
