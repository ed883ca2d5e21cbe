"""Remote: a registry, directory or bucket to push to and pull from."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Literal, Protocol

from ...errors import RegistryError
from ...store import Blob
from ..reference import Reference

Advance = Callable[[int], None]
Way = Literal["sent", "mounted"]


class Moved(RegistryError):
    """A tag has another digest than the one that was to be replaced."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The bytes of a blob from `start`; they end early if the connection breaks."""

    start: int
    pieces: Iterator[bytes]
    close: Callable[[], None]


class Remote(Protocol):
    """A repository of a registry, or a shared directory; its methods may be called by threads.

    reference   as given; after `manifest`, with the name that the item has there
    stop        set by `cut`: transfers end
    """

    @property
    def reference(self) -> Reference:
        """The name of the remote."""

    stop: Event

    def manifest(self) -> bytes:
        """The manifest that the reference names.

        Raises:
            RegistryError: when there is none, or no answer.
            Damaged: when it has another digest than the requested one.
        """

    def has(self, blob: Blob) -> bool:
        """Whether the remote has the blob."""

    def read(self, blob: Blob, offset: int) -> Stream:
        """Begin to read a blob, at `offset` if the remote supports that.

        Raises:
            TransientError: when it may succeed later.
            Damaged: when its size differs.
        """

    def send(self, blob: Blob, path: Path, advance: Advance) -> Way:
        """Upload a complete blob."""

    def digest(self, tag: str) -> str | None:
        """The current digest of a tag."""

    def publish(
        self, manifest: bytes, tags: Sequence[str], over: Sequence[str | None] = ()
    ) -> None:
        """Publish the manifest under its tags, after all blobs.

        Where the remote can tell, the tags must have one of the digests in `over`, if there are
        any in it; None is a tag that does not exist yet.

        Raises:
            Moved: when one has another digest by now.
        """

    def tagged(self, tag: str) -> bytes | None:
        """The manifest or index of a tag or digest, if there is one."""

    def refer(self, manifest: bytes) -> bool:
        """Upload a manifest that refers to another; returns whether the remote itself lists it."""

    def referrers(self, digest: str) -> bytes | None:
        """The referrers of a manifest; None if the remote does not list them."""

    def cut(self) -> None:
        """Abort all transfers."""

    def close(self) -> None:
        """Close all connections."""
