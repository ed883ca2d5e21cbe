"""Pickle file: a model as a pickle with its large arrays in a second file; reads joblib's, too."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..manifests.model_manifest import CODE
from ..pickles import pickling
from . import named_code
from .carried_code import unpickler
from .framework import Saved

_NAME = "model.pkl"


def save(model: Any, directory: Path, kind: Callable[..., Any] | None = None) -> Saved:
    """Pickle the model, with the author's own code by value; `kind` as in `pickling.dump`.

    The source of modules whose objects are pickled by name is stored, too (see `named_code`).

    Raises:
        InvalidModel: when that cannot be stored.
    """
    sizes = pickling.dump(model, directory / _NAME, kind, beside=directory / pickling.BUFFERS)
    files = [_NAME]
    options: dict[str, Any] = {}
    if sizes:
        files.append(pickling.BUFFERS)
        options["buffers"] = sizes
    code = named_code.bring(directory / _NAME)
    if code.files:
        files += [f"{CODE}/{path}" for path in sorted(code.files)]
        options["code"] = sorted(code.files)
    needs = tuple(sorted(code.imports))
    return Saved("pickle", tuple(files), True, options, needs=needs)


def load(path: Path, format: str, options: Mapping[str, Any], pickles: Any) -> Any:
    """Load a file of format "pickle" or "joblib" under the policy `pickles`."""
    if format == "pickle":
        directory = path.parent
        kind = unpickler(directory, options.get("code", ()))
        beside = directory / pickling.BUFFERS
        return pickles.load(path, beside, options.get("buffers", ()), kind)
    import joblib

    with pickles.narrowing(path, "pickle", "joblib"):
        return joblib.load(path)
