"""Torch files: recognizes TorchScript, exported programs, pickles and weights by content."""

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from ...pickles.scanning import TORCH_LEGACY, scan
from ..carried_code import unpickler

_HEADER = range(2, 100 << 20)  # bytes: safetensors' own limits
_WEIGHTS_ONLY = frozenset({"collections.OrderedDict", "torch.Size", "torch.device"})


def format_of(path: Path) -> str | None:
    """Which of torch's files it is, or None; "safetensors" and "weights" are weights alone."""
    with path.open("rb") as file:
        head = file.read(len(TORCH_LEGACY))
    if head.startswith(b"PK\x03\x04"):
        return _archive_format(path)
    if head == TORCH_LEGACY:
        return _pickled_format(path)
    return "safetensors" if _is_safetensors(path) else None


def _archive_format(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.partition("/")[2] for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None
    if "archive_format" in names or "serialized_exported_program.json" in archive.namelist():
        return "pt2"
    if "constants.pkl" in names:  # by which torch.load tells it
        return "torchscript"
    return _pickled_format(path) if "data.pkl" in names else None


def _pickled_format(path: Path) -> str:
    names = scan(path).globals
    harmless = all(
        name in _WEIGHTS_ONLY or name.startswith("torch._utils._rebuild_") or _is_storage(name)
        for name in names
    )
    return "weights" if harmless else "pickle"


def _is_storage(name: str) -> bool:
    return name.startswith(("torch.", "torch.storage.")) and name.endswith("Storage")


def _is_safetensors(path: Path) -> bool:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size not in _HEADER or size > path.stat().st_size - 8:
            return False
        header = file.read(size)
    try:
        return header.startswith(b"{") and isinstance(json.loads(header), dict)
    except (ValueError, RecursionError):
        return False


def unpickling(directory: Path, code: Iterable[str]) -> dict[str, Any]:
    """What to tell torch.load, which wants a module, about a pickle that carries its classes."""
    kind = unpickler(directory, code)
    if not code:
        return {}
    module: Any = ModuleType("carried")
    module.Unpickler = kind
    module.load = lambda file, **options: kind(file, **options).load()
    return {"pickle_module": module}
