"""LayerPlan: the layers of a bundle's image on top of its base, before any is made."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...runtime import canonical, digest
from ...runtime.manifests.bundle_manifest import BundleManifest
from ...runtime.manifests.file_entry import FileEntry
from ..progress import Progress
from ..requirements import requirements_lock
from ..requirements.standalone import Archive
from ..requirements.target import MACHINES
from ..store import Blob, Store
from . import bundle_files, layer_cache
from .layer_memo import LayerMemo
from .layer_tar import LayerTar
from .member import Member
from .packages import package_group
from .packages.bytecode import Compiler
from .packages.installed_size import installed_size
from .packages.package_tree import PackageTree, Wanted
from .packages.python_tree import PYTHON_HOME, PythonTree

_FORMAT = 1
"""Version of the layer format; part of each key."""
_COMPILED = frozenset({"runtime", "code"})  # the code of a model is not imported from files


@dataclass(frozen=True, slots=True)
class Target:
    """The platform of an image and the paths in it, without leading slashes.

    home      path of the bundle
    site      path of the packages
    compiler  of bytecode; None = no bytecode
    python    the interpreter, if the base image has none
    """

    platform: str
    home: str
    site: str
    compiler: Compiler | None = None
    python: Archive | None = None


@dataclass(frozen=True, slots=True)
class PlannedLayer:
    """One layer.

    kind      "python", "packages", "model", "runtime", "code" or "manifest"
    key       digest of all inputs of its bytes
    why       what makes it change
    packages  distributions in it
    tar       None until the packages are unpacked
    estimate  of its size until then; None = unknown
    """

    kind: str
    name: str
    key: str
    why: str
    packages: tuple[str, ...] = ()
    tar: LayerTar | None = None
    estimate: int | None = None

    @property
    def size(self) -> int | None:
        """Bytes of its tar, exact where it is known."""
        return self.tar.size if self.tar else self.estimate


@dataclass(frozen=True, slots=True)
class Layer:
    """A made layer: its uncompressed tar, and the digest of that."""

    planned: PlannedLayer
    tar: LayerTar
    blob: Blob


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """The layers of one bundle for one platform, from the bottom to the top."""

    layers: tuple[PlannedLayer, ...]
    tree: PackageTree | None
    memo: LayerMemo
    python: PythonTree | None = None

    @classmethod
    def of(
        cls, store: Store, directory: Path, files: Sequence[FileEntry], target: "Target"
    ) -> "LayerPlan":
        """The plan for the bundle in `directory`, without unpacking or fetching anything."""
        manifest = BundleManifest.read(directory)
        shares = bundle_files.divide(manifest, files)
        own = tuple(_of_share(share, directory, store, target) for share in shares)
        plan = cls((), None, LayerMemo(store.root / "layers"))
        if manifest.lock is None:
            return replace(plan, layers=own)
        wanted = Wanted(manifest.python, target.platform, target.site, target.compiler)
        plan = replace(plan, tree=PackageTree.of(store, manifest.lock, wanted))
        if target.python is not None:
            python = PythonTree.of(store, target.python, PYTHON_HOME, target.compiler)
            plan = replace(plan, python=python)
        pins = requirements_lock.pins(directory, MACHINES.get(target.platform, ""))
        return plan._on(pins, own)  # noqa: SLF001 - of this class

    def _on(self, pins: Mapping[str, str], own: Sequence[PlannedLayer]) -> "LayerPlan":
        """Add the layers below those of the bundle itself: interpreter and packages."""
        return replace(self, layers=(*self._interpreter(), *self._packages(pins), *own))

    def _interpreter(self) -> Iterator[PlannedLayer]:
        tree = self.python
        if tree is None:
            return
        tar = LayerTar(tree.members()) if tree.is_there else None
        key = digest.of_bytes(canonical.dumps({"format": _FORMAT, "python": tree.key}))
        name, why = f"python {tree.archive.version}", "changes with the version of this tool"
        yield PlannedLayer("python", name, key, why, (), tar)

    @property
    def needs(self) -> list[str]:
        """The entries of the cache that it reads, for `Store.holding`."""
        own = [layer.tar for layer in self.layers if layer.kind in _COMPILED and layer.tar]
        members = [member for tar in own for member in tar.members]
        places = [member.content for member in members if isinstance(member.content, Path)]
        compiled = [
            layer_cache.digest_of(place)
            for place in places
            if place.parent.parent == self.memo.directory / layer_cache.BYTECODE
        ]
        return [tree.key for tree in (self.python, self.tree) if tree] + compiled

    def _packages(self, pins: Mapping[str, str]) -> Iterator[PlannedLayer]:
        tree = self.tree
        if tree is None:
            return
        known = tree.members() if tree.is_there else {}
        for group, names in package_group.grouped(pins).items():
            shown = tuple(f"{name}=={pins[name]}" for name in names)
            about = {"format": _FORMAT, "tree": tree.key, "group": group}
            key = digest.of_bytes(canonical.dumps(about))
            tar, estimate = None, None
            if not tree.is_there:
                is_compiled = tree.wanted.compiler is not None
                estimate = installed_size({n: pins[n] for n in names}, is_compiled=is_compiled)
            else:
                if lacking := sorted(set(names) - known.keys()):
                    raise tree.lacks(lacking[0])
                tar = LayerTar(member for name in names for member in known[name])
            why = package_group.WHY[group]
            yield PlannedLayer("packages", group, key, why, shown, tar, estimate)

    def complete(
        self, store: Store, requirements: Path, progress: Progress, *, offline: bool = False
    ) -> "LayerPlan":
        """The plan with its packages unpacked, and the interpreter below them."""
        if self.python is not None:
            self.python.make(store, progress, offline=offline)
        if self.tree is None:
            return self
        self.tree.make(store, requirements, progress, offline=offline)
        if all(layer.tar for layer in self.layers):  # what was there is there, or was made again
            return self
        pins = {name: version for layer in self.layers for name, version in _pins(layer)}
        return self._on(
            pins, [layer for layer in self.layers if layer.kind not in {"python", "packages"}]
        )

    def make(self, progress: Progress) -> list[Layer]:
        """Every layer with its digest, from the memo or computed now.

        Raises:
            Damaged: when a file differs from what is said of it.
        """
        tars = [layer.tar for layer in self.layers if layer.tar]  # all of them, once complete
        known = [self.memo.get(layer.key) for layer in self.layers]
        pending = sum(
            tar.size for tar, blob in zip(tars, known, strict=True) if not _fits(tar, blob)
        )
        made = []
        with progress.meter("Hashing layers", pending) as meter:
            for layer, tar, blob in zip(self.layers, tars, known, strict=True):
                if blob is None or blob.size != tar.size:
                    blob = tar.blob(meter.advance)  # noqa: PLW2901
                    self.memo.put(layer.key, blob)
                made.append(Layer(layer, tar, blob))
        return made

    def to_json(self, name: str) -> list[dict[str, Any]]:
        """The layers as JSON, each with whether the last image of the bundle name had it."""
        last = self.memo.last(name)
        return [_told(layer, self.memo.get(layer.key), last) for layer in self.layers]


def _fits(tar: LayerTar, blob: Blob | None) -> bool:
    return blob is not None and blob.size == tar.size


def _of_share(
    share: bundle_files.Share, directory: Path, store: Store, target: "Target"
) -> PlannedLayer:
    members = [
        Member(
            f"{target.home}/{entry.path}",
            directory / entry.path,
            entry.size,
            entry.executable,
            entry.digest,
        )
        for entry in share.files
    ]
    compiler = target.compiler if share.kind in _COMPILED else None
    listed = [[m.path, m.digest, m.size, m.executable] for m in members]
    about = {"format": _FORMAT, "files": listed, "compiler": compiler and compiler.name}
    key = digest.of_bytes(canonical.dumps(about))
    members += compiler.members(members, store) if compiler else ()
    return PlannedLayer(share.kind, share.name, key, share.why, (), LayerTar(members))


def _pins(layer: PlannedLayer) -> Iterator[tuple[str, str]]:
    for package in layer.packages:
        name, _, version = package.partition("==")
        yield name, version


def _told(layer: PlannedLayer, blob: Blob | None, last: frozenset[str]) -> dict[str, Any]:
    is_known = blob is not None
    return {
        "kind": layer.kind,
        "name": layer.name,
        "size": blob.size if blob else layer.size,
        "exact": is_known or layer.tar is not None,
        "why": layer.why,
        "packages": list(layer.packages),
        "digest": blob.digest if blob else None,
        "reused": blob is not None and blob.digest in last,
    }
