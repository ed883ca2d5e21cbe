"""Limits: timeouts and maximum sizes of a registry's responses."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, sizes in bytes; a registry cannot raise them.

    connect    for a connection to be made
    answer     for the head of an answer, and for the whole of a small one
    settle     for the head of the answer to an upload's end: the registry may hash gigabytes
    slowest    bytes a second, over `window`, below which a download is given up
    attempts   in a row without progress, of one request or one file
    pause      before the second attempt; doubled for each further one
    longest    pause, also where the registry asks for a longer one
    progress   bytes that begin a new row of attempts
    manifest   of a manifest; the OCI asks registries to take four MiB
    config     of a model.json or bundle.json
    message    of a token or an error
    layers     of a manifest
    chunk      of an upload in pieces; blobs up to that size travel in one request
    smallest   chunk that is tried where a registry refuses larger ones
    """

    connect: float = 10.0
    answer: float = 60.0
    settle: float = 900.0
    slowest: float = 1024.0
    window: float = 30.0
    attempts: int = 5
    pause: float = 0.5
    longest: float = 60.0
    progress: int = MIB
    manifest: int = 4 * MIB
    config: int = 16 * MIB
    message: int = MIB
    layers: int = 20_000
    chunk: int = 64 * MIB
    smallest: int = MIB
