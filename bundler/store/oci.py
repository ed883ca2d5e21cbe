"""The OCI side of the store: manifests of items, and the index that other tools read."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from ...runtime import canonical
from ...runtime.errors import InvalidBundle, in_short
from ...runtime.manifests.file_entry import FileEntry
from ..tag import Kind
from .item import Blob, Item

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ARTIFACT: dict[Kind, str] = {
    "model": "application/vnd.cncf.model.manifest.v1+json",
    "bundle": "application/vnd.modelbundle.bundle.v1",
}
CONFIG: dict[Kind, str] = {
    "model": "application/vnd.cncf.model.config.v1+json",
    "bundle": "application/vnd.modelbundle.bundle.v1+json",
}
LAYER: dict[Kind, str] = {
    "model": "application/vnd.cncf.model.weight.v1.raw",
    "bundle": "application/vnd.modelbundle.file.v1",
}
CONFIG_NAME: dict[Kind, str] = {"model": "model.json", "bundle": "bundle.json"}

_PATH = "org.cncf.model.filepath"
_EXECUTABLE = "io.modelbundle.executable"
CHECK = "io.modelbundle.check"
_REF = "org.opencontainers.image.ref.name"


def manifest(kind: Kind, config: Blob, files: Iterable[FileEntry]) -> bytes:
    """The manifest of an item: its config blob is model.json or bundle.json, its layers files."""
    ordered = sorted(files, key=lambda entry: entry.path)
    return canonical.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": ARTIFACT[kind],
            "config": _descriptor(CONFIG[kind], config.digest, config.size),
            "layers": [_layer(kind, entry) for entry in ordered],
        }
    )


def read_manifest(data: bytes) -> tuple[Blob, tuple[FileEntry, ...]]:
    """Config and files of what `manifest` wrote.

    Raises:
        InvalidBundle: when it is not such a manifest.
    """
    try:
        document = orjson.loads(data)
        config = Blob(document["config"]["digest"], document["config"]["size"])
        return config, tuple(_entry(layer) for layer in document["layers"])
    except (KeyError, TypeError, ValueError) as error:
        why = in_short(error)
        raise InvalidBundle(f"This is not the manifest of a model or bundle: {why}.") from error


def entries(items: Iterable[Item]) -> dict[str, Any]:
    """The entries of `index.json`: `models/iris:1.0`, `models/iris@latest` -> descriptor."""
    return {f"{item.kind}s/{name}": _indexed(item, name) for item in items for name in _names(item)}


def index(entries: Mapping[str, Any]) -> bytes:
    """The bytes of `index.json`: every tag and alias of every item, and a checksum."""
    return _index(list(entries.values()))


def _index(manifests: Sequence[Any]) -> bytes:
    return canonical.dumps(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": manifests,
            "annotations": {CHECK: checksum(manifests)},
        }
    )


def is_sound_index(data: bytes) -> bool:
    """Whether every bit of an index is as `index` wrote it."""
    try:
        return _index(orjson.loads(data)["manifests"]) == data
    except (KeyError, TypeError, ValueError, RecursionError):
        return False


def read_index(data: bytes) -> dict[str, Any]:
    """Parse an index to entries, as `entries` makes them; raises ValueError if it is invalid."""
    try:
        return {entry["annotations"][_REF]: entry for entry in orjson.loads(data)["manifests"]}
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an index of this program: {error!r}") from error


def check_paths(files: Sequence[FileEntry]) -> None:
    """Refuse paths that leave the directory, or that are the same on some file system.

    Raises:
        InvalidBundle: naming the path.
    """
    written: dict[str, str] = {}
    folders: set[str] = set()
    for entry in files:
        parts = entry.path.split("/")
        if not entry.path or {"", ".", ".."} & set(parts) or _is_odd(entry.path):
            raise InvalidBundle(f"{entry.path!r} is not a path inside a bundle.")
        folder = _write_down(entry.path, written).rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(_write_down(folder, written))
            folder = folder.rpartition("/")[0]
    if len({entry.path for entry in files}) < len(files):
        raise InvalidBundle("A path is listed twice.")
    for entry in files:
        if entry.path in folders:
            raise InvalidBundle(f"{entry.path!r} is a file and a folder.")


def _write_down(path: str, written: dict[str, str]) -> str:
    """`path`, unless another one is the same to a file system that folds names."""
    known = written.setdefault(_folded(path), path)
    if known != path:
        raise InvalidBundle(f"{path!r} and {known!r} are one file on some disks.")
    return path


def _is_odd(path: str) -> bool:
    return "\\" in path or not path.isprintable()


def _folded(path: str) -> str:
    import unicodedata

    return path.casefold() if path.isascii() else unicodedata.normalize("NFC", path).casefold()


def _layer(kind: Kind, entry: FileEntry) -> dict[str, Any]:
    notes = {_PATH: entry.path} | ({_EXECUTABLE: "true"} if entry.executable else {})
    return _descriptor(LAYER[kind], entry.digest, entry.size) | {"annotations": notes}


def _entry(layer: dict[str, Any]) -> FileEntry:
    notes = layer["annotations"]
    return FileEntry(notes[_PATH], layer["digest"], layer["size"], _EXECUTABLE in notes)


def _names(item: Item) -> list[str]:
    return [item.tag, *(f"{item.name}@{alias}" for alias in item.aliases)]


def _indexed(item: Item, name: str) -> dict[str, Any]:
    return _descriptor(MANIFEST, item.manifest, item.manifest_size) | {
        "artifactType": ARTIFACT[item.kind],
        "annotations": {_REF: f"{item.kind}s/{name}"},
    }


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def checksum(manifests: Any) -> str:
    """The checksum in the annotation `CHECK` of an index that we wrote."""
    return hashlib.sha256(canonical.dumps(manifests)).hexdigest()
