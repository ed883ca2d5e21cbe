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
    """Write it, with the author's own code by value; `kind` as of `pickling.dump`.

    What is pickled by its name all the same, a lone object that is told from others by `is`, brings
    the source of its module along.

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
    """Read "pickle" or "joblib", as far as the policy of `pickles` allows."""
    if format == "pickle":
        directory = path.parent
        kind = unpickler(directory, options.get("code", ()))
        beside = directory / pickling.BUFFERS
        return pickles.load(path, beside, options.get("buffers", ()), kind)
    import joblib

    with pickles.narrowing(path, "pickle", "joblib"):
        return joblib.load(path)
