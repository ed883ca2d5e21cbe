"""`sbom.cdx.json`: what a bundle consists of, as CycloneDX 1.6. No clock, no random serial."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ...runtime import canonical
from ...runtime.manifest import BundleManifest, ModelManifest
from ...runtime.version import __version__
from ..requirements.lock import UNPINNED, BaseImage, Lock
from ..requirements.resolution import Package

SPEC = "1.6"


def render(manifest: BundleManifest, models: Mapping[str, ModelManifest], lock: Lock) -> bytes:
    """The document for the bundle of `manifest`, whose models are given by alias."""
    components = [
        *(_model(manifest, alias, model) for alias, model in models.items()),
        _runtime(),
        *(_package(package) for package in lock.packages),
        _base(lock.base),
    ]
    root = {"type": "application", "bom-ref": "bundle", "name": manifest.name}
    root |= {"version": manifest.version} if manifest.version else {}
    root |= {"description": manifest.description} if manifest.description else {}
    document = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "version": 1,
        "metadata": {"component": root},
        "components": components,
        "dependencies": _dependencies(components, lock.packages),
    }
    return canonical.pretty(document)


def _model(manifest: BundleManifest, alias: str, model: ModelManifest) -> dict[str, Any]:
    entry = next(entry for entry in manifest.models if entry.alias == alias)
    facts = {
        "modelbundle:alias": alias,
        "modelbundle:framework": model.framework,
        "modelbundle:format": model.format,
        "modelbundle:executes_code": str(model.executes_code).lower(),
    }
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{alias}",
        "name": entry.name,
        "version": entry.version,
        "hashes": _hashes([entry.digest]),
        "properties": [{"name": name, "value": value} for name, value in facts.items()],
        "components": [
            {
                "type": "file",
                "bom-ref": f"model:{alias}/{file.path}",
                "name": f"models/{alias}/{file.path}",
                "hashes": _hashes([file.digest]),
            }
            for file in sorted(model.files, key=lambda file: file.path)
        ],
    }


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
    reference = purl(package.name, package.version)
    return {
        "type": "library",
        "bom-ref": reference,
        "name": package.name,
        "version": package.version,
        "purl": reference,
        "hashes": _hashes(sorted(package.files.values())),
    }


def purl(name: str, version: str) -> str:
    """The package URL of a distribution on the Python index."""
    return f"pkg:pypi/{name}@{quote(version, safe='.-')}"


def _base(base: BaseImage) -> dict[str, Any]:
    name, _, tag = base.reference.rpartition(":")
    known = [] if base.digest == UNPINNED else _hashes([base.digest])
    component = {"type": "container", "bom-ref": "base", "name": name or tag, "version": tag}
    return component | ({"hashes": known} if known else {})


def _hashes(digests: Sequence[str]) -> list[dict[str, str]]:
    return [
        {"alg": "SHA-256", "content": digest.removeprefix("sha256:")}
        for digest in dict.fromkeys(digests)
    ]


def _dependencies(
    components: Sequence[Mapping[str, Any]], packages: Sequence[Package]
) -> list[dict[str, Any]]:
    """The bundle needs everything; a package is needed by those that the lock says asked for it."""
    references = {package.name: purl(package.name, package.version) for package in packages}
    needs: dict[str, list[str]] = {reference: [] for reference in references.values()}
    for package in packages:
        for asker in package.via:
            if asker in references:
                needs[references[asker]].append(references[package.name])
    root = {"ref": "bundle", "dependsOn": sorted(c["bom-ref"] for c in components)}
    return [root, *({"ref": ref, "dependsOn": sorted(on)} for ref, on in sorted(needs.items()))]
