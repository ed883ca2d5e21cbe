"""npz: several named arrays in one zip, as `numpy.savez` writes them; nothing is ever unpickled."""

import struct
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np

from ...errors import BadPayload, PayloadTooLarge
from . import npy

_METHODS = frozenset((0, 8))  # stored, deflated: what NumPy writes; others take any memory they say
MOST_ARRAYS = 4096  # of one body
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same arrays, the same bytes


def loads(data: bytes, most_bytes: int) -> dict[str, np.ndarray]:
    """The arrays in `data` by their names, which are `most_bytes` together at most.

    What the directory of the zip claims is compared with the limit before anything is inflated,
    and what comes out is held to the claim.

    Raises:
        BadPayload: when it is not a zip of npy files, or holds objects.
        PayloadTooLarge: when the arrays would be larger.
    """
    import zipfile  # here: few servers ever see one

    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = archive.infolist()
            _check(members, most_bytes)
            return {_name(member): npy.loads(_read(archive, member)) for member in members}
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        RuntimeError,  # an encrypted member
        OSError,
        ValueError,
        OverflowError,
    ) as error:
        raise BadPayload("The body is not npz: it is not a zip of npy files.") from error


def dumps(arrays: Mapping[str, np.ndarray]) -> bytes:
    """`arrays` as npz, stored as they are; raises ValueError for an array of objects."""
    import zipfile

    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), npy.dumps(array))
    return file.getvalue()


def _check(members: list[Any], most_bytes: int) -> None:
    if not 0 < len(members) <= MOST_ARRAYS:
        raise BadPayload(f"An npz body has from 1 to {MOST_ARRAYS} arrays.")
    if len({_name(member) for member in members}) < len(members):
        raise BadPayload("Two arrays of the npz body have one name.")
    if any(member.compress_type not in _METHODS for member in members):
        raise BadPayload("An array of the npz body is neither stored nor deflated.")
    if sum(member.file_size for member in members) > most_bytes:
        raise PayloadTooLarge(f"The arrays of the npz body are larger than {most_bytes} bytes.")


def _name(member: Any) -> str:
    return str(member.filename).removesuffix(".npy")


def _read(archive: Any, member: Any) -> bytes:
    with archive.open(member) as file:
        data: bytes = file.read(member.file_size + 1)
    if len(data) != member.file_size:
        raise BadPayload("An array of the npz body is not as long as announced.")
    return data
