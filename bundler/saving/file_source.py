"""FileSource: a model file, with metadata of the tool that wrote it."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...runtime.frameworks import registry
from ...runtime.frameworks.framework import Framework
from ...runtime.frameworks.onnx_graph.file import external_files
from ...runtime.manifests.model_manifest import CODE
from ...runtime.manifests.signature import Signature
from ..errors import InvalidSource

_PICKLES = frozenset({"pickle", "joblib"})
# What a suffix promises; a file that is something else is refused, never loaded as that.
_PROMISES = {
    ".safetensors": frozenset({"safetensors"}),
    ".onnx": frozenset({"onnx"}),
    ".ubj": frozenset({"ubj"}),
    ".json": frozenset({"json"}),
    ".txt": frozenset({"text"}),
    ".pt2": frozenset({"pt2"}),
    ".skops": frozenset({"skops"}),
    ".pkl": _PICKLES,
    ".pickle": _PICKLES,
    ".joblib": _PICKLES,
    ".pt": frozenset({"torchscript", "pickle", "weights", "pt2"}),
    ".pth": frozenset({"torchscript", "pickle", "weights", "pt2"}),
}
KNOWN = (
    "joblib, pickle, skops, torch .pt/.pt2/TorchScript, safetensors, XGBoost json/ubj, LightGBM "
    "text, ONNX; MLflow, Hugging Face, TorchServe, BentoML and SageMaker models"
)
_OTHERS = "Of any other library, save the object: `bundle save NAME module:variable`."


@dataclass(frozen=True, slots=True)
class Origin:
    """What another tool recorded about a model.

    tool        its name, e.g. "mlflow"
    packages    distribution -> version that it recorded; empty = those installed here count
    python      the version that it recorded
    method      the one that it calls, where that is not `predict`
    signature   of that method
    sample      rows to call it with
    metadata    what it says of itself
    notes       sentences for the person: what did not come along
    """

    tool: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    python: str | None = None
    method: str | None = None
    signature: Signature | None = None
    sample: Any = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileSource:
    """A model file: its adapter, its format, and what else belongs to it.

    `files` maps the names in the store to the present paths; files below `code/` are source that
    loading runs. `options` are for the adapter's loader. `takes_links` is whether the library opens
    symbolic links.
    """

    framework: Framework
    format: str
    files: Mapping[str, Path] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin = Origin()
    takes_links: bool = True

    @property
    def executes_code(self) -> bool:
        """Whether loading it runs code out of the files."""
        carries = any(name.startswith(f"{CODE}/") for name in self.files)
        return carries or self.format in self.framework.executing

    def lay_out(self, directory: Path) -> None:
        """Put the files into an empty directory, for the library to open them there."""
        for kept, place in self.files.items():
            target = directory / kept
            target.parent.mkdir(parents=True, exist_ok=True)
            if self.takes_links:
                target.symlink_to(place.resolve())
            else:
                shutil.copyfile(place, target)


def of_file(path: Path, *, is_named_by_hand: bool = True) -> FileSource:
    """Recognize a model file by its content, without running any code.

    Args:
        path: the file.
        is_named_by_hand: whether it is an error if the suffix promises another format.

    Raises:
        InvalidSource: when it is no model, or not what its suffix says.
    """
    source = find(path)
    if source is None:
        hint = f"Known are {KNOWN}. {_OTHERS}"
        if path.suffix == ".py":
            hint = f"Name the variable in it: `{path.stem}:model`, if it is called `model`."
        raise InvalidSource(f"`{path}` is not a model file of a known format.", hint=hint)
    promised = _PROMISES.get(path.suffix.lower())
    if is_named_by_hand and promised is not None and source.format not in promised:
        raise InvalidSource(
            f"`{path}` is called {path.suffix}, but its content is {source.framework.name} "
            f"{source.format}.",
            hint="Rename it, if that is what you meant.",
        )
    return source


def find(path: Path) -> FileSource | None:
    """The model file at `path`, or None when it is none that an adapter knows."""
    try:
        found = registry.for_path(path)
    except OSError as error:
        raise InvalidSource(f"`{path}` cannot be read: {error.strerror}.") from error
    if found is None:
        return None
    framework, format = found  # noqa: A001  the field's word
    files = {framework.formats.get(format, path.name): path}
    if framework.name == "onnx":
        files |= {name: _beside(path, name) for name in external_files(path)}
    return FileSource(framework, format, files)


def _beside(path: Path, name: str) -> Path:
    place = path.parent / name
    if not place.is_file():
        raise InvalidSource(f"`{path}` keeps weights in `{name}`, which is not beside it.")
    return place
