"""Usage: disk usage of the store."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ..blobs.blobs import Blobs
from ..refs.refs import Refs


@dataclass(frozen=True, slots=True)
class Usage:
    """Sizes in bytes.

    models, bundles   their number
    content           bytes of all items, each counted in full
    stored            bytes on disk: shared content counts once
    reclaimable       the part of `stored` that `gc` would free
    environments      made by `serve` and `test` for locked bundles
    """

    models: int
    bundles: int
    content: int
    stored: int
    reclaimable: int
    environments: int
    layers: int

    @classmethod
    def of(cls, root: Path, refs: Refs, blobs: Blobs, reclaimable: int) -> Self:
        """Measure a store."""
        models, bundles = refs.items("model"), refs.items("bundle")
        return cls(
            models=len(models),
            bundles=len(bundles),
            content=sum(item.size for item in (*models, *bundles)),
            stored=tree_size(blobs.directory),
            reclaimable=reclaimable,
            environments=tree_size(root / "envs"),
            layers=tree_size(root / "layers"),
        )


def tree_size(directory: Path) -> int:
    """Bytes of all files below, a hard-linked one counted once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            with suppress(FileNotFoundError):
                stat = Path(parent, name).lstat()
                if (stat.st_dev, stat.st_ino) not in seen:
                    seen.add((stat.st_dev, stat.st_ino))
                    total += stat.st_size
    return total


def freed_size(path: Path) -> int:
    """The bytes that removing a file or tree frees: files without a hard link elsewhere."""
    if not path.is_dir():
        return _own_size(path)
    return sum(
        _own_size(Path(parent, name)) for parent, _, names in os.walk(path) for name in names
    )


def _own_size(path: Path) -> int:
    with suppress(OSError):
        about = path.lstat()
        return about.st_size if about.st_nlink == 1 else 0
    return 0
