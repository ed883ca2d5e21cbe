"""SOURCE of `bundle save`: an object to import, or a file of a library, told by its content."""

import sys
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from ...runtime.errors import in_short
from ...runtime.frameworks import registry
from ...runtime.frameworks.framework import Framework
from ...runtime.frameworks.onnx import external_files
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
    ".pkl": _PICKLES,
    ".pickle": _PICKLES,
    ".joblib": _PICKLES,
    ".pt": frozenset({"torchscript", "pickle", "weights", "pt2"}),
    ".pth": frozenset({"torchscript", "pickle", "weights", "pt2"}),
}
_FLAVORS = {  # of MLflow -> where its file is named, and by which key
    "sklearn": "pickled_model",
    "xgboost": "data",
    "lightgbm": "data",
    "onnx": "data",
}


@dataclass(frozen=True, slots=True)
class FileSource:
    """A model file: its adapter, its format, and what else belongs to it.

    `files` maps the name under which a file is kept to where it lies now.
    """

    framework: Framework
    format: str
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def executes_code(self) -> bool:
        """Whether loading it runs code out of the file."""
        return self.format in self.framework.executing


def import_object(text: str) -> Any:
    """Import "module:attribute", with the current directory and its `src` first on the path.

    Raises:
        InvalidSource: with which of the two is missing.
    """
    module_name, _, attributes = text.partition(":")
    if not module_name or not attributes:
        raise InvalidSource(
            f"`{text}` is neither a file nor `module:attribute`.",
            hint="Write for example `train:model` for the variable `model` in train.py.",
        )
    module = _import(module_name)
    found = module
    for name in attributes.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise InvalidSource(
                f"The module `{module_name}` has no attribute `{attributes}`.",
                hint=nearest(name, found),
            ) from error
    return found


def _import(name: str) -> Any:
    here = Path.cwd()
    places = [str(place) for place in (here, here / "src") if place.is_dir()]
    sys.path[:0] = places
    try:
        return import_module(name)
    except ImportError as error:
        if not f"{name}.".startswith(
            f"{error.name}."
        ):  # the module is there, and something that it imports is not
            raise InvalidSource(f"Importing `{name}` failed: {error}.") from error
        raise InvalidSource(
            f"There is no module `{name}` here.",
            hint="Run the command in the directory of the module, and leave out `.py`.",
        ) from error
    except Exception as error:
        raise InvalidSource(f"Importing `{name}` failed: {in_short(error)}.") from error
    finally:
        for place in places:
            sys.path.remove(place)


def nearest(name: str, owner: Any) -> str | None:
    """A hint at the attribute of `owner` that is most like `name`."""
    from difflib import get_close_matches

    near = get_close_matches(name, [known for known in dir(owner) if known[:1] != "_"], n=1)
    return f"Did you mean `{near[0]}`?" if near else None


def recognize(path: Path) -> FileSource:
    """Tell a model file or directory by its content. Runs nothing of it.

    Raises:
        InvalidSource: when it is no model, or not what its suffix says.
    """
    if path.is_dir():
        return _recognize_directory(path)
    if not path.is_file():
        raise InvalidSource(f"There is no file `{path}`.")
    try:
        found = registry.for_path(path)
    except OSError as error:
        raise InvalidSource(f"`{path}` cannot be read: {error.strerror}.") from error
    if found is None:
        raise InvalidSource(
            f"`{path}` is no model file that is known here.",
            hint="Known are joblib, pickle, torch .pt/.pt2/TorchScript, safetensors, "
            "XGBoost json/ubj, LightGBM text, ONNX and MLflow directories.",
        )
    framework, format = found  # noqa: A001  the field's word
    promised = _PROMISES.get(path.suffix.lower())
    if promised is not None and format not in promised:
        raise InvalidSource(
            f"`{path}` is called {path.suffix}, but its content is {framework.name} {format}.",
            hint="Rename it, if that is what you meant.",
        )
    files = {framework.formats.get(format, path.name): path}
    if framework.name == "onnx":
        files |= {name: _beside(path, name) for name in external_files(path)}
    return FileSource(framework, format, files)


def _beside(path: Path, name: str) -> Path:
    place = path.parent / name
    if not place.is_file():
        raise InvalidSource(f"`{path}` keeps weights in `{name}`, which is not beside it.")
    return place


def _recognize_directory(path: Path) -> FileSource:
    if not (path / "MLmodel").is_file():
        raise InvalidSource(
            f"`{path}` is a directory, but no MLflow model.",
            hint="Name the model's file itself.",
        )
    from yaml import YAMLError, safe_load

    try:
        flavors = safe_load((path / "MLmodel").read_text("utf-8"))["flavors"]
        named = {name: flavors[name][key] for name, key in _FLAVORS.items() if name in flavors}
    except (OSError, YAMLError, KeyError, TypeError, ValueError) as error:
        raise InvalidSource(f"`{path / 'MLmodel'}` cannot be read: {error!r}.") from error
    for place in map(str, named.values()):
        inner = (path / place).resolve()
        if not inner.is_relative_to(path.resolve()):
            raise InvalidSource(f"`{path}` names the file `{place}`, outside of itself.")
        return recognize(inner / "model.onnx" if inner.is_dir() else inner)
    raise InvalidSource(
        f"`{path}` has the MLflow flavors {', '.join(sorted(flavors))}, none of which can be read.",
        hint=f"Readable are {', '.join(sorted(_FLAVORS))}; load the model with mlflow and save the "
        "object itself.",
    )
