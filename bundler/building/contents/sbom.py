"""`sbom.cdx.json`: the contents of a bundle or a model, as CycloneDX 1.6.

No clock and no random serial: the same content gives the same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ....runtime import canonical, digest
from ....runtime.errors import InvalidBundle
from ....runtime.manifests.bundle_manifest import BundleManifest
from ....runtime.manifests.model_manifest import ModelManifest
from ....runtime.version import __version__
from ...errors import Damaged
from ...requirements.lock.lock import UNPINNED, BaseImage, Lock
from ...requirements.lock.package import Package
from ...untrusted import strict_json
from .model_component import component, hashes, properties

if TYPE_CHECKING:
    from ...store import Item, Store

SPEC = "1.6"
PATH = "sbom.cdx.json"


def render(manifest: BundleManifest, models: Mapping[str, ModelManifest], lock: Lock) -> bytes:
    """The document for the bundle of `manifest`, with its models by alias."""
    components = [
        *(_model(manifest, alias, model) for alias, model in models.items()),
        _runtime(),
        *(_package(package) for package in lock.packages),
        *(_system_package(name) for name in manifest.image.get("system", {}).get("packages", ())),
        _base(lock.base),
    ]
    root = {"type": "application", "bom-ref": "bundle", "name": manifest.name}
    root |= {"version": manifest.version} if manifest.version else {}
    root |= {"description": manifest.description} if manifest.description else {}
    facts = {f"label:{key}": value for key, value in manifest.labels.items()}
    facts |= {"python": manifest.python, "hermetic": str(manifest.hermetic).lower()}
    return _document(
        root | {"properties": properties(facts)},
        components,
        _dependencies(components, lock.packages),
    )


def of_item(item: "Item", store: "Store") -> bytes:
    """The document for a bundle, as it was built into it, or for a model.

    Raises:
        Damaged: when the store's bytes are others than were built.
    """
    if item.kind == "bundle":
        return _built(item, store)
    return render_model(item, ModelManifest.from_json(json.loads(store.config(item))))


def _built(item: "Item", store: "Store") -> bytes:
    entry = next((entry for entry in store.files(item) if entry.path == PATH), None)
    if entry is None:
        raise InvalidBundle(f"`{item.tag}` was built without a `{PATH}`.")
    data = store.blob(entry.digest).read_bytes()
    if digest.of_bytes(data) != entry.digest:
        raise Damaged(f"`{PATH}` of `{item.tag}` has changed.", hint="See `bundle verify`.")
    try:
        is_one = isinstance(strict_json.loads(data), dict)
    except ValueError:
        is_one = False
    if not is_one:
        raise InvalidBundle(f"`{PATH}` of `{item.tag}` is not a bill of materials.")
    return data


def render_model(item: "Item", model: ModelManifest) -> bytes:
    """The document for a saved model, and the packages that it was saved with."""
    packages = [
        {"type": "library", "bom-ref": purl(name, version), "name": name, "version": version}
        | {"purl": purl(name, version)}
        for name, version in sorted(model.packages.items())
    ]
    references = sorted(package["bom-ref"] for package in packages)
    depends = [{"ref": "model", "dependsOn": references}]
    depends += [{"ref": reference, "dependsOn": []} for reference in references]
    return _document(component(item.name, item.version, item.digest, model), packages, depends)


def _document(
    root: Mapping[str, Any],
    components: Sequence[Mapping[str, Any]],
    dependencies: Sequence[Mapping[str, Any]],
) -> bytes:
    return canonical.pretty(
        {
            "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": SPEC,
            "version": 1,
            "metadata": {"component": root},
            "components": components,
            "dependencies": dependencies,
        }
    )


def _model(manifest: BundleManifest, alias: str, model: ModelManifest) -> dict[str, Any]:
    entry = next(entry for entry in manifest.models if entry.alias == alias)
    return component(entry.name, entry.version, entry.digest, model, alias=alias)


def _runtime() -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": "runtime",
        "name": "modelbundle",
        "version": __version__,
        "description": "The vendored runtime under `modelbundle/`.",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }


def _package(package: Package) -> dict[str, Any]:
    """A distribution; each file that may be installed of it, with its own digest."""
    reference = purl(package.name, package.version, package.index)
    made: dict[str, Any] = {
        "type": "library",
        "bom-ref": reference,
        "name": package.name,
        "version": package.version,
        "purl": reference,
        "hashes": hashes(sorted(package.files.values())),
        "externalReferences": [
            {"type": "distribution", "url": quote(name), "hashes": hashes([package.files[name]])}
            for name in sorted(package.files)
        ],
    }
    facts = {"platforms": ", ".join(package.platforms)} if package.platforms else {}
    facts |= {"folder": package.folder} if package.folder else {}
    return made | ({"properties": properties(facts)} if facts else {})


def purl(name: str, version: str, index: str | None = None) -> str:
    """The package URL of a distribution on the Python index, or on another one."""
    elsewhere = f"?repository_url={quote(index, safe='')}" if index else ""
    return f"pkg:pypi/{name}@{quote(version, safe='.-')}{elsewhere}"


def _system_package(wanted: str) -> dict[str, Any]:
    name, _, version = wanted.partition("=")
    made = {"type": "library", "bom-ref": f"system:{wanted}", "name": name}
    return made | ({"version": version} if version else {})


def _base(base: BaseImage) -> dict[str, Any]:
    name, colon, tag = base.reference.rpartition(":")
    if not colon or "/" in tag:  # a port, or empty
        name, tag = base.reference, ""
    made: dict[str, Any] = {"type": "container", "bom-ref": "base", "name": name}
    made |= {"version": tag} if tag else {}
    return made | ({} if base.digest == UNPINNED else {"hashes": hashes([base.digest])})


def _dependencies(
    components: Sequence[Mapping[str, Any]], packages: Sequence[Package]
) -> list[dict[str, Any]]:
    """Packages depend on each other as in the lock; the bundle depends on all others."""
    known = {package.name for package in packages}
    needs: dict[str, set[str]] = {one["bom-ref"]: set() for one in components}
    root = {one["bom-ref"] for one in components}
    for package in packages:
        reference = purl(package.name, package.version, package.index)
        askers = [asker for asker in package.via if asker in known]
        if askers and len(askers) == len(package.via):
            root.discard(reference)  # only other packages require it
        for other in packages:
            if other.name in askers and _meet(other, package):
                needs[purl(other.name, other.version, other.index)].add(reference)
    edges = [{"ref": ref, "dependsOn": sorted(on)} for ref, on in sorted(needs.items())]
    return [{"ref": "bundle", "dependsOn": sorted(root)}, *edges]


def _meet(one: Package, other: Package) -> bool:
    """Whether there is a platform that has both."""
    mine, theirs = set(one.platforms), set(other.platforms)
    return not mine or not theirs or bool(mine & theirs)
