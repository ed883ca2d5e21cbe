"""Groups of packages for layers: large and stable packages in the lower ones."""

import re
from collections.abc import Iterable, Mapping

CUDA, FRAMEWORKS, PACKAGES = "cuda", "frameworks", "packages"
GROUPS = (CUDA, FRAMEWORKS, PACKAGES)
"""From the bottom to the top of an image."""

WHY: Mapping[str, str] = {
    CUDA: "NVIDIA's libraries; they change with the CUDA version",
    FRAMEWORKS: "the large libraries that models are made with; they change with their pins",
    PACKAGES: "all other packages; they change with the lock",
}

_CUDA = re.compile(r"nvidia-.*|triton|cuda-.*|cupy.*|tensorrt.*")
_FRAMEWORKS = re.compile(
    r"torch(?:vision|audio)?|tensorflow(?:-.*)?|keras|jax|jaxlib|flax|xgboost(?:-cpu)?|lightgbm"
    r"|catboost|onnx|onnxruntime(?:-.*)?|numpy|scipy|scikit-learn|pandas|polars(?:-.*)?|pyarrow"
    r"|transformers|tokenizers|numba|llvmlite|opencv-.*|pillow|statsmodels|spacy"
)


def group_of(name: str) -> str:
    """The group of a distribution, by its normalized name."""
    if _CUDA.fullmatch(name):
        return CUDA
    return FRAMEWORKS if _FRAMEWORKS.fullmatch(name) else PACKAGES


def grouped(names: Iterable[str]) -> dict[str, list[str]]:
    """Group -> its distributions, from the bottom up; groups without any are left out."""
    found: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name in sorted(names):
        found[group_of(name)].append(name)
    return {group: names for group, names in found.items() if names}
