"""Place: a target of push and pull."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Literal, Protocol

from ...store import Blob
from ..reference import Reference

Advance = Callable[[int], None]
Way = Literal["sent", "mounted"]


@dataclass(frozen=True, slots=True)
class Stream:
    """The bytes of a blob from `start` on; they end early where the connection breaks off."""

    start: int
    pieces: Iterator[bytes]
    close: Callable[[], None]


class Place(Protocol):
    """A repository of a registry, or a shared directory; its methods may be called by threads.

    reference   what was asked for; after `manifest`, under the name that it has there
    stop        set by `cut`: nobody waits any more
    """

    @property
    def reference(self) -> Reference:
        """The place's own name."""

    stop: Event

    def manifest(self) -> bytes:
        """The manifest that the reference names.

        Raises:
            RegistryError: when there is none, or no answer.
            Damaged: when it is not the one of the digest that was asked for.
        """

    def has(self, blob: Blob) -> bool:
        """Whether the blob need not travel."""

    def read(self, blob: Blob, offset: int) -> Stream:
        """Begin to read a blob, at `offset` where that can be done.

        Raises:
            TransientError: when it is worth trying again.
            Damaged: when it is there in another size.
        """

    def send(self, blob: Blob, path: Path, advance: Advance) -> Way:
        """Bring a blob there, whole."""

    def digest(self, tag: str) -> str | None:
        """The digest of the manifest that has a tag now."""

    def publish(self, manifest: bytes, tags: Sequence[str]) -> None:
        """Make the manifest known by its tags; the last thing that is sent."""

    def tagged(self, tag: str) -> bytes | None:
        """The manifest or index that has this tag or digest; None where there is none."""

    def refer(self, manifest: bytes) -> bool:
        """Take in a manifest that refers to another; whether the place lists it by itself."""

    def referrers(self, digest: str) -> bytes | None:
        """The place's own list of what refers to a manifest; None where it keeps none."""

    def cut(self) -> None:
        """Let every thread that waits come back at once."""

    def close(self) -> None:
        """Close what is open."""
