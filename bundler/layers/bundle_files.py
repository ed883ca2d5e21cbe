"""Divides the files of a bundle into layers, by how often they change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...runtime.manifests.bundle_manifest import BundleManifest
from ...runtime.manifests.file_entry import FileEntry

WORKDIR = "/opt/bundle"  # default working directory of an image
LARGE = 64 << 20  # bytes; a model file from this size on has a layer of its own
MOST = 90  # layers of models; an image has at most 127
_WHEELS = "env/wheels/"  # have layers of their own
_DOCUMENTS = ("bundle.json", "openapi.json", "sbom.cdx.json", "Containerfile")


@dataclass(frozen=True, slots=True)
class Share:
    """Files of a bundle that change together."""

    kind: str
    name: str
    why: str
    files: tuple[FileEntry, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files)


def divide(manifest: BundleManifest, files: Sequence[FileEntry]) -> list[Share]:
    """Divide all files but the wheels, from the least to the most often changed."""
    left = [entry for entry in files if not entry.path.startswith(_WHEELS)]
    shares = list(_models(manifest, left))
    taken = {entry.path for share in shares for entry in share.files}
    left = [entry for entry in left if entry.path not in taken]
    runtime = [entry for entry in left if entry.path.startswith(("modelbundle/", "env/"))]
    documents = [entry for entry in left if entry.path in _DOCUMENTS]
    other = {entry.path for entry in (*runtime, *documents)}
    code = [entry for entry in left if entry.path not in other]
    shares += [
        Share("runtime", "runtime", "changes with the version of this tool", tuple(runtime)),
        Share("code", "code", "changes with every edit", tuple(code)),
        Share("manifest", "manifest", "changes with every build", tuple(documents)),
    ]
    return [share for share in shares if share.files]


def _models(manifest: BundleManifest, files: Sequence[FileEntry]) -> Iterator[Share]:
    units: list[Share] = []
    for model in manifest.models:
        homes = (f"models/{model.alias}/", f"samples/{model.alias}/")
        mine = [entry for entry in files if entry.path.startswith(homes)]
        large = [entry for entry in mine if entry.size >= LARGE]
        small = tuple(entry for entry in mine if entry.size < LARGE)
        why = f"changes with the model `{model.alias}`"
        for entry in large:
            name = f"model {model.alias}: {entry.path.removeprefix(homes[0])}"
            units.append(Share("model", name, "changes with this file", (entry,)))
        if small:
            units.append(Share("model", f"model {model.alias}", why, small))
    yield from _merged(units)


def _merged(units: list[Share]) -> list[Share]:
    """Merge the smallest shares until there are at most `MOST`."""
    if len(units) <= MOST:
        return units
    by_size = sorted(units, key=lambda unit: (-unit.size, unit.name))
    kept = {unit.name for unit in by_size[: MOST - 1]}
    rest = tuple(entry for unit in units if unit.name not in kept for entry in unit.files)
    together = Share("model", "further models", "changes with any of them", rest)
    return [*(unit for unit in units if unit.name in kept), together]
