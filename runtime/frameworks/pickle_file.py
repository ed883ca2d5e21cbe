"""Pickle file: a model as a pickle with its large arrays in a second file; reads joblib's, too."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import InvalidModel
from ..manifests.model_manifest import CODE
from ..pickles import pickling
from ..pickles.scanning import scan
from .carried_code import unpickler
from .framework import Saved
from .local_code import CannotTravel, LocalCode, gather

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
    code = _code(directory)
    if code.files:
        files += [f"{CODE}/{path}" for path in sorted(code.files)]
        options["code"] = sorted(code.files)
    needs = tuple(sorted(code.imports))
    return Saved("pickle", tuple(files), True, options, needs=needs)


def _code(directory: Path) -> LocalCode:
    """The source of the modules of which something is pickled by its name."""
    found = scan(directory / _NAME)
    named = pickling.local_modules(found.modules)
    if not named:
        return LocalCode({})
    asked = sorted({each for each in found.globals if each.partition(".")[0] in named})
    try:
        return gather({_module(each) for each in asked}).written(directory)
    except CannotTravel as reason:
        raise InvalidModel(
            f"The model cannot be saved: `{asked[0]}` is pickled by its name, and {reason}.",
            hint="Serve a bundle whose `src/` has its module, and save an object without it.",
        ) from reason


def _module(name: str) -> str:
    """The module of `package.module.Class.attribute`: its longest part that is imported."""
    while name not in sys.modules:
        name = name.rpartition(".")[0]
    return name


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
