"""Libraries: known packages that models are made with; others in a model need trust.

A model.json names the packages that its model was saved with, and a lock includes them. So an
untrusted model could get a hostile package installed and run, even if its files run no code.
"""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ...runtime.errors import BundleError
from ...runtime.manifests.bundle_manifest import BundleManifest
from ...runtime.manifests.model_manifest import ModelManifest
from .requirements import normalize

if TYPE_CHECKING:
    from ..store import Store

KNOWN = frozenset(
    (
        "huggingface-hub", "joblib", "lightgbm", "numpy", "onnx", "onnxruntime", "onnxruntime-gpu",
        "pandas", "pillow", "pyarrow", "safetensors", "scikit-learn", "scipy", "skops",
        "threadpoolctl", "tokenizers", "torch", "transformers", "xgboost", "xgboost-cpu",
    )
)  # fmt: skip
"""Packages of the built-in adapters, normalized."""


def beyond(packages: Iterable[str]) -> list[str]:
    """The packages that are not `KNOWN`, normalized and sorted."""
    return sorted({normalize(name) for name in packages} - KNOWN)


def unvouched(manifest: BundleManifest, store: "Store") -> list[str]:
    """Packages in a bundle that only an untrusted model needs."""
    found: set[str] = set()
    for entry in manifest.models:
        if not store.trust.is_trusted(entry.digest):
            found.update(beyond(_packages(store, entry.digest)))
    return sorted(found)


def _packages(store: "Store", digest: str) -> Mapping[str, str]:
    """The packages of a model; none for a damaged or lost manifest, which is refused later."""
    try:
        return ModelManifest.from_json(json.loads(store.blob(digest).read_bytes())).packages
    except (OSError, ValueError, RecursionError, BundleError):
        return {}
