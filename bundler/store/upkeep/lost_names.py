"""Lost names: tags and aliases that `index.json` has, and whose refs have vanished."""

from pathlib import Path

from .. import oci
from ..blobs.blobs import Blobs
from ..files import disk
from ..refs.refs import LATEST, Refs


def lost(index: Path, refs: Refs, blobs: Blobs) -> dict[str, str]:
    """Digests of manifests by lost name, such as `models/iris:1.0`.

    A deletion removes the name from the index before the ref, so it is looked for there again.
    What garbage collection has removed is not lost: a full disk keeps deleted names in the index.
    """
    found = {name: digest for name, digest in known(index).items() if not _is_here(name, refs)}
    now = known(index) if found else {}
    return {
        name: digest
        for name, digest in found.items()
        if name in now and blobs.path(digest).is_file()
    }


def known(index: Path) -> dict[str, str]:
    """Digests of manifests by name; none if the index is missing or damaged."""
    try:
        data = disk.read_whole(index)
    except OSError:
        return {}
    if not oci.is_sound_index(data):
        return {}
    return {name: entry["digest"] for name, entry in oci.read_index(data).items()}


def _is_here(name: str, refs: Refs) -> bool:
    return name.endswith(f"@{LATEST}") or refs.is_there(name)
