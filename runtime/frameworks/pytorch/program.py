"""Torch program: checks the parts of an exported program that can run code.

Torch makes code of texts in its graph (see `graph_text`); compiled parts are libraries, and objects
of C++ or Python bring their own unpickler. Under a policy that narrows pickles, a program has a
graph of plain operators, and none of the others.
Source: torch/export/pt2_archive/constants.py.
"""

import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

from ... import zip_member
from ...errors import NotTrusted
from ...pickles.scanning import TORCH_LEGACY
from . import graph_text

BROKEN = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, ValueError,
    RecursionError, RuntimeError,
)  # fmt: skip
"""What reading a damaged archive raises."""
_LARGEST = 256 << 20  # bytes of a graph
_FORBIDDEN = ("aotinductor", "custom_obj", "opaque_obj")  # folders and names of what is no tensor


def check(path: Path, operators: Collection[str] = ()) -> None:
    """Look at all that is evaluated or loaded of the exported program at `path`.

    `operators` are those that it takes from other libraries, as "namespace::name".

    Raises:
        NotTrusted: when more than arithmetic is, and operators.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                name = member.filename.casefold()
                if any(word in name for word in _FORBIDDEN):
                    raise _refused(f"it holds `{member.filename[:200]}`")
                if name.endswith(".json"):
                    _check_graph(archive, member, operators)
                elif name.endswith((".pt", ".pth")):
                    _check_tensors(archive, member)
    except BROKEN as error:
        raise _refused("it cannot be read to its end") from error


def _check_graph(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, operators: Collection[str]
) -> None:
    if member.file_size > _LARGEST:
        raise _refused("its graph is too large to be looked at")
    document = json.loads(zip_member.read(archive, member, _LARGEST))
    for text in graph_text.strange(document, operators):
        raise _refused(f"a size, a name or a node in it is `{text[:80]!r}`")


def _check_tensors(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuse a pickle that begins as none of torch: the analysis does not know it for one."""
    with archive.open(member) as file:
        head = file.read(len(TORCH_LEGACY))
    if head and not head.startswith(b"PK\x03\x04") and head != TORCH_LEGACY:
        raise _refused(f"`{member.filename[:200]}` begins as no file of torch")


def _refused(why: str) -> NotTrusted:
    return NotTrusted(
        f"The exported program may run code of its own: {why}.",
        hint="Set `security.pickle` to `allow` in the bundlefile, if you know it.",
    )
