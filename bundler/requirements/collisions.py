"""Wheels that own the same file: whichever is unpacked last wins, so both are refused.

Two looks, because only an unpacked wheel says which files it has: a table of families known to
collide, for every lock; and the RECORD of every distribution, once an environment exists. Files
of wheels outside the table are therefore compared when they are installed, not when they are
locked.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import ResolveError
from .requirements import normalize
from .resolution import Package

_FAMILIES = (
    (re.compile(r"nvidia-(nccl|cudnn|cusparselt|nvshmem)-cu\d+"), "nvidia/{0}/lib"),
    (re.compile(r"opencv(?:-contrib)?-python(?:-headless)?"), "cv2"),
    (re.compile(r"onnxruntime(?:-gpu|-openvino|-directml)?"), "onnxruntime"),
    (re.compile(r"xgboost(?:-cpu)?"), "xgboost"),
    (re.compile(r"tensorflow(?:-cpu|-gpu|-intel)?"), "tensorflow"),
    (re.compile(r"psycopg2(?:-binary)?"), "psycopg2"),
    (re.compile(r"protobuf3?"), "google/protobuf"),
    (re.compile(r"pil(?:low(?:-simd)?)?"), "PIL"),
)
_SHARED = re.compile(r"(^|/)(__pycache__/|INSTALLER$|REQUESTED$|direct_url\.json$)|^\.\./")
SHOWN = 3  # colliding files named in a message


def check_lock(packages: Sequence[Package]) -> None:
    """Refuse a lock in which two packages of one family would overwrite each other.

    Raises:
        ResolveError: naming both, who asks for them, and a way out.
    """
    owners: dict[str, list[Package]] = {}
    for package in packages:
        for family, place in _FAMILIES:
            if found := family.fullmatch(package.name):
                owners.setdefault(place.format(*found.groups()), []).append(package)
    for place, claimants in sorted(owners.items()):
        if len({package.name for package in claimants}) > 1:
            raise _refusal(place, claimants)


def _refusal(place: str, claimants: Sequence[Package]) -> ResolveError:
    told = " and ".join(
        f"{package.name} {package.version} (asked for by {', '.join(package.via)})"
        for package in claimants
    )
    return ResolveError(
        f"Two wheels own the files under `{place}`: {told}. Whichever is unpacked last wins.",
        hint=_way_out([package.name for package in claimants]),
    )


def _way_out(names: Sequence[str]) -> str:
    if "nvidia-nccl-cu12" in names:
        return (
            "xgboost needs NCCL on several GPUs only: use `accelerator: cpu`, or Python 3.12 or "
            "later with xgboost>=3.4."
        )
    return f"Keep one of {', '.join(f'`{name}`' for name in names)}."


def check_environment(site_packages: Path) -> None:
    """Refuse an environment in which two distributions claim one file with differing content.

    Raises:
        ResolveError: naming both and the first of the files.
    """
    owners: dict[str, tuple[str, str]] = {}
    clashes: dict[tuple[str, str], list[str]] = {}
    for record in sorted(site_packages.glob("*.dist-info/RECORD")):
        name = normalize(record.parent.name.split("-")[0])
        for path, content in _read_record(record).items():
            other, theirs = owners.setdefault(path, (name, content))
            if other != name and theirs != content:
                clashes.setdefault((other, name), []).append(path)
    for (one, two), paths in sorted(clashes.items()):
        shown = ", ".join(f"`{path}`" for path in sorted(paths)[:SHOWN])
        raise ResolveError(
            f"{one} and {two} both own {len(paths)} files with different content: {shown}.",
            hint=_way_out([one, two]),
        )


def _read_record(record: Path) -> Mapping[str, str]:
    with record.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if len(row) >= 2]  # noqa: PLR2004
    return {path: content for path, content, *_ in rows if content and not _SHARED.search(path)}
