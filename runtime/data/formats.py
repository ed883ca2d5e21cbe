"""Formats: content types that need an extra package, by their names in `serve.formats`."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from ..errors import UnsupportedMediaType
from . import media


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    media     content types of bodies; those in `answers` also of answers
    package   the distribution that reads it
    imports   the modules of it that are used
    """

    name: str
    media: tuple[str, ...]
    package: str
    imports: tuple[str, ...]
    answers: tuple[str, ...] = ()


FORMATS: Sequence[Format] = (
    Format(
        "arrow",
        (media.ARROW, media.ARROW_FILE),
        "pyarrow",
        ("pyarrow", "pyarrow.ipc", "pyarrow.compute"),
        (media.ARROW, media.ARROW_FILE),
    ),
    Format(
        "parquet",
        (media.PARQUET,),
        "pyarrow",
        ("pyarrow", "pyarrow.parquet", "pyarrow.compute"),
        (media.PARQUET,),
    ),
    Format(
        "msgpack",
        (media.MSGPACK, media.MSGPACK_NUMPY),
        "msgpack",
        ("msgpack",),
        (media.MSGPACK, media.MSGPACK_NUMPY),
    ),
    Format("image", (media.PNG, media.JPEG), "pillow", ("PIL.Image",)),
)
NAMES = tuple(each.name for each in FORMATS)
_BY_MEDIA = {kind: each for each in FORMATS for kind in each.media}


def of(kind: str) -> Format | None:
    """The format of a content type; None if it needs no package, or is unknown."""
    return _BY_MEDIA.get(kind)


def on(wanted: Collection[str] | None = None) -> frozenset[str]:
    """Names of the formats that this process can read: those wanted, of those installed."""
    return frozenset(
        each.name
        for each in FORMATS
        if (wanted is None or each.name in wanted) and _is_installed(each.imports[0])
    )


def locked(wanted: Collection[str] | None, packages: Iterable[str]) -> frozenset[str]:
    """Names of the formats that a server with these distributions can read."""
    have = set(packages)
    return frozenset(
        each.name
        for each in FORMATS
        if (wanted is None or each.name in wanted) and each.package in have
    )


def check(kind: str, wanted: Collection[str] | None) -> None:
    """Refuse a content type whose format is off, or whose package is not here.

    Raises:
        UnsupportedMediaType: saying which.
    """
    found = _BY_MEDIA.get(kind)
    if found is None:
        return
    if wanted is not None and found.name not in wanted:
        raise UnsupportedMediaType(
            f"`{kind}` is not taken here: `serve.formats` of the bundle does not name "
            f"`{found.name}`."
        )
    if not _is_installed(found.imports[0]):
        raise UnsupportedMediaType(
            f"`{kind}` needs the package `{found.package}`, which this server does not have."
        )


def is_loaded(kind: str) -> bool:
    """Whether the package for `kind`, if it needs one, has been imported."""
    found = _BY_MEDIA.get(kind)
    return found is None or found.name in _loaded


def load(kind: str) -> None:
    """Import the package for `kind`, in any thread; pyarrow takes a fifth of a second."""
    found = _BY_MEDIA.get(kind)
    if found is not None and found.name not in _loaded and _is_installed(found.imports[0]):
        for module in found.imports:
            import_module(module)
        _loaded.add(found.name)


async def prepare(kinds: Iterable[str]) -> None:
    """Import the packages for `kinds` in a thread, so that the running loop is not blocked."""
    for kind in kinds:
        if not is_loaded(kind):
            await asyncio.to_thread(load, kind)


_loaded: set[str] = set()


@cache
def _is_installed(module: str) -> bool:
    return find_spec(module.partition(".")[0]) is not None
