"""ModelComponent: a saved model in CycloneDX: a `machine-learning-model` with a model card.

The card contains what was recorded when the model was saved: signatures, and of its metadata
`description`, `task`, `license` (or `licenses`), `datasets` and `metrics`. All else of the metadata
stands in properties.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ....runtime.manifests.file_entry import FileEntry
from ....runtime.manifests.model_manifest import ModelManifest
from ....runtime.manifests.signature import Side

_ON_CARD = {"description", "task", "license", "licenses", "datasets", "metrics"}
_SPDX = frozenset(
    (
        "0BSD", "AFL-3.0", "AGPL-3.0-only", "AGPL-3.0-or-later", "Apache-2.0", "BSD-2-Clause",
        "BSD-3-Clause", "BSL-1.0", "CC-BY-4.0", "CC-BY-NC-4.0", "CC-BY-NC-ND-4.0",
        "CC-BY-NC-SA-4.0", "CC-BY-SA-4.0", "CC0-1.0", "EPL-2.0", "GPL-2.0-only",
        "GPL-3.0-only", "GPL-3.0-or-later", "ISC", "LGPL-3.0-only", "MIT", "MPL-2.0",
        "Unlicense", "Zlib",
    )
)  # fmt: skip


def component(
    name: str, version: str, digest: str, model: ModelManifest, *, alias: str | None = None
) -> dict[str, Any]:
    """The model `name:version` of this digest; with `alias` as a part of a bundle."""
    reference = "model" if alias is None else f"model:{alias}"
    data = model.metadata
    made: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": reference,
        "name": name,
        "version": version,
        "hashes": hashes([digest]),
        "modelCard": _card(model),
        "properties": _properties(model, alias),
        "components": [_file(reference, alias, file) for file in _sorted(model.files)],
    }
    made |= {"description": data["description"]} if _is_text(data.get("description")) else {}
    licenses = list(_licenses(data))
    return made | ({"licenses": licenses} if licenses else {})


def hashes(digests: Sequence[str]) -> list[dict[str, str]]:
    """Digests as CycloneDX writes them, each once."""
    return [
        {"alg": "SHA-256", "content": digest.removeprefix("sha256:")}
        for digest in dict.fromkeys(digests)
    ]


def properties(facts: Mapping[str, str]) -> list[dict[str, str]]:
    """Facts that CycloneDX has no field for, by name."""
    return [{"name": f"modelbundle:{name}", "value": facts[name]} for name in sorted(facts)]


def _card(model: ModelManifest) -> dict[str, Any]:
    sides = model.methods.items()
    parameters: dict[str, Any] = {
        "inputs": [{"format": f"{name}: {_format(one.inputs)}"} for name, one in sides],
        "outputs": [{"format": f"{name}: {_format(one.outputs)}"} for name, one in sides],
    }
    if _is_text(task := model.metadata.get("task")):
        parameters["task"] = task
    if datasets := list(_datasets(model.metadata.get("datasets"))):
        parameters["datasets"] = datasets
    card: dict[str, Any] = {"modelParameters": parameters}
    if metrics := list(_metrics(model.metadata.get("metrics"))):
        card["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    return card


def _format(side: Side) -> str:
    fields = ", ".join(f"{one.name} {one.dtype}{_shape(one.shape)}" for one in side.fields)
    return f"{side.layout}({fields})" if fields else side.layout


def _shape(shape: Sequence[int | None]) -> str:
    return f"[{','.join('n' if size is None else str(size) for size in shape)}]" if shape else ""


def _datasets(given: Any) -> Iterator[dict[str, Any]]:
    """Data sets as a person writes them: a name or URL, or a mapping with `name` and `url`."""
    for one in given if isinstance(given, (list, tuple)) else [given]:
        if _is_text(one):
            is_url = re.match(r"[a-z][a-z0-9+.-]*://\S+$", one)
            contents = {"contents": {"url": one}} if is_url else {}
            yield {"type": "dataset", "name": one} | contents
        elif isinstance(one, Mapping) and _is_text(one.get("name")):
            contents = {"contents": {"url": one["url"]}} if _is_text(one.get("url")) else {}
            yield {"type": "dataset", "name": one["name"]} | contents


def _metrics(given: Any) -> Iterator[dict[str, str]]:
    if isinstance(given, Mapping):
        for name in sorted(given, key=str):
            if isinstance(given[name], (int, float, str)):
                yield {"type": str(name), "value": str(given[name])}


def _licenses(metadata: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    given = metadata.get("licenses", metadata.get("license"))
    for one in given if isinstance(given, (list, tuple)) else [given]:
        if _is_text(one):
            yield {"license": {"id" if one in _SPDX else "name": one}}


def _properties(model: ModelManifest, alias: str | None) -> list[dict[str, str]]:
    facts = {
        "framework": model.framework,
        "format": model.format,
        "executes_code": str(model.executes_code).lower(),
    }
    facts |= {"alias": alias} if alias else {}
    facts |= {"python": model.python} if model.python else {}
    facts |= {f"label:{key}": str(value) for key, value in model.labels.items()}
    facts |= {
        f"metadata:{key}": json.dumps(value, sort_keys=True, ensure_ascii=False)
        for key, value in model.metadata.items()
        if key not in _ON_CARD
    }
    return properties(facts)


def _file(reference: str, alias: str | None, file: FileEntry) -> dict[str, Any]:
    return {
        "type": "file",
        "bom-ref": f"{reference}/{file.path}",
        "name": f"models/{alias}/{file.path}" if alias else file.path,
        "hashes": hashes([file.digest]),
    }


def _sorted(files: Sequence[FileEntry]) -> list[FileEntry]:
    return sorted(files, key=lambda file: file.path)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
