"""SHA-256 digests of bytes and files, written `sha256:<64 hex>` as OCI does."""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

CHUNK = 1 << 20  # bytes; larger reads gain nothing over page-cache speed

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def is_digest(text: str) -> bool:
    """Whether `text` is a whole digest, algorithm included."""
    return _DIGEST.fullmatch(text) is not None


def of_bytes(data: bytes) -> str:
    """Digest of `data`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def at_once(path: str, flags: int) -> int:
    """An opener for `open`: a pipe in the place of a file is empty, and not waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def of_file(path: Path, advance: Callable[[int], None] = lambda _: None) -> str:
    """Digest of a file, read once in chunks; `advance` is told of every chunk's bytes."""
    running = hashlib.sha256()
    with open(path, "rb", buffering=0, opener=at_once) as file:
        while chunk := file.read(CHUNK):
            running.update(chunk)
            advance(len(chunk))
    return "sha256:" + running.hexdigest()
