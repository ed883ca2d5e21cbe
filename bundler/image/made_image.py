"""MadeImage: the result of `bundle containerize`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MadeImage:
    """An image on an engine, in a file, or in a registry.

    id      "sha256:…" of its configuration
    tags    as asked for
    size    bytes: unpacked, base image included, on an engine; of all blobs without one
    layers  digests of the unpacked layers, the base image's first
    digest  of its manifest in the registry, once it is pushed
    output  where it was written to, without an engine
    moved   bytes that had to be written or sent, where layers were made here
    """

    id: str
    tags: tuple[str, ...]
    size: int
    layers: tuple[str, ...]
    digest: str | None = None
    output: str | None = None
    moved: int | None = None
