"""Libraries: known packages that models are made with; others in a model need trust.

A model.json names the packages that its model was saved with, and a lock takes them. So a model of
strangers could have a package of theirs installed, and run, although no file of it runs anything.
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
"""Of the adapters that come along, normalized."""


def beyond(packages: Iterable[str]) -> list[str]:
    """Those that are not `KNOWN`, normalized and sorted."""
    return sorted({normalize(name) for name in packages} - KNOWN)


def unvouched(manifest: BundleManifest, store: "Store") -> list[str]:
    """Packages that are in a bundle because a model asks for them that is not trusted here."""
    found: set[str] = set()
    for entry in manifest.models:
        if not store.trust.is_trusted(entry.digest):
            found.update(beyond(_packages(store, entry.digest)))
    return sorted(found)


def _packages(store: "Store", digest: str) -> Mapping[str, str]:
    """None for a damaged or lost manifest, which is refused when its digest is checked."""
    try:
        return ModelManifest.from_json(json.loads(store.blob(digest).read_bytes())).packages
    except (OSError, ValueError, RecursionError, BundleError):
        return {}
