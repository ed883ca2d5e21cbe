"""The layout of an archive: the allowed file names, and their maximum sizes.

An archive is an OCI image layout with one manifest, so `skopeo` and `oras` read it. Ours begin
with what says what is coming, so that a reader of a stream knows it before it takes a byte.
"""

import re

from ...store.files.layout import OCI as MARKER_BYTES

MARKER = "oci-layout"
INDEX = "index.json"
BLOBS = "blobs/sha256/"
DIRECTORIES = frozenset({"blobs/", BLOBS})

LIMITS = {MARKER: 1 << 10, INDEX: 1 << 20}  # bytes
DOCUMENT = 16 << 20  # bytes of a manifest, and of a model.json or bundle.json
MOST = 200_000  # members
LARGEST = 1 << 50  # bytes of one member, and of all

__all__ = [
    "BLOBS", "DIRECTORIES", "DOCUMENT", "INDEX", "LARGEST", "LIMITS", "MARKER", "MARKER_BYTES",
    "MOST", "blob_name", "digest_of", "is_member",
]  # fmt: skip

_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})", re.ASCII)


def is_member(name: str) -> bool:
    """Whether a regular file may have this name."""
    return name in LIMITS or _BLOB.fullmatch(name) is not None


def digest_of(name: str) -> str | None:
    """The digest that the name of a blob says; None for the other two files."""
    match = _BLOB.fullmatch(name)
    return f"sha256:{match[1]}" if match else None


def blob_name(digest: str) -> str:
    """The path of a blob in an archive."""
    return BLOBS + digest.removeprefix("sha256:")
