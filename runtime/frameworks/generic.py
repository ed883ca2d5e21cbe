"""Generic: any picklable Python object: a callable, one with `predict`, or plain data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..manifests.signature import Signature
from ..pickles.scanning import scan
from . import keras_backend, pickle_file
from .answer import settled
from .framework import Framework, Saved, lineage
from .values import row_order

_METHODS = ("predict", "predict_proba", "transform", "score")
_ENCODERS = ("predict", "encode")  # of texts: a call of theirs takes tokens
_TABLES = frozenset({"pandas", "polars"})  # a table's `transform` is about itself


class Generic(Framework):
    """Functions, the author's objects, models of libraries without an adapter, plain data."""

    name = "generic"
    distributions: tuple[str, ...] = ("numpy",)
    extra = "cloudpickle"
    formats: Mapping[str, str] = {"pickle": "model.pkl", "joblib": "model.joblib"}
    executing = frozenset(formats)

    def matches(self, model: object) -> bool:
        """Everything but None, which is what a forgotten `return` gives."""
        return model is not None

    def reads(self, path: Path) -> str | None:
        """Any whole pickle or joblib file."""
        seen = scan(path)
        is_whole = seen.complete and seen.pickles > 0
        return seen.format if is_whole and seen.format in self.formats else None

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> Saved:  # noqa: ARG002
        """Pickle it, with the author's own code by value."""
        return pickle_file.save(model, directory)

    def load(
        self,
        directory: Path,
        format: str,
        options: Mapping[str, Any],
        device: str,  # noqa: ARG002  nobody knows how to move it
        pickles: Any,
    ) -> Any:
        """Unpickle under the policy."""
        return pickle_file.load(directory / self.formats[format], format, options, pickles)

    def methods(self, model: Any) -> tuple[str, ...]:
        """Its own methods of the usual names; a bare callable has `predict`, data has none."""
        if isinstance(model, type):
            return ()  # a class is not yet a model
        if type(model).__module__.partition(".")[0] in _TABLES:
            return ()
        known = _ENCODERS if "sentence_transformers" in lineage(model) else _METHODS
        named = tuple(name for name in known if callable(getattr(model, name, None)))
        if known is _METHODS and "predict" not in named and callable(model):
            return ("predict", *named)
        return named

    def signatures(self, model: Any) -> Mapping[str, Signature]:
        """Nothing is known, so no two requests may share a call."""
        return dict.fromkeys(self.methods(model), Signature(batchable=False))

    def call(self, model: Any, method: str, batch: Any) -> Any:
        """Call the method, or the object itself where it has no `predict`."""
        answer = (keras_backend.method(model, method) or model)(batch)
        return settled(row_order.restored(answer, batch))
