"""Pickle file: a model as a pickle with its large arrays in a second file; reads joblib's, too."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..pickles import pickling
from .carried_code import unpickler
from .framework import Saved

_NAME = "model.pkl"


def save(model: Any, directory: Path, kind: Callable[..., Any] | None = None) -> Saved:
    """Write it, with the author's own code by value; `kind` as of `pickling.dump`."""
    sizes = pickling.dump(model, directory / _NAME, kind, beside=directory / pickling.BUFFERS)
    if not sizes:
        return Saved("pickle", (_NAME,), executes_code=True)
    files = (_NAME, pickling.BUFFERS)
    return Saved("pickle", files, executes_code=True, options={"buffers": sizes})


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
