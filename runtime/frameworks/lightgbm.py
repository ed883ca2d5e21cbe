"""LightGBM: boosters and their scikit-learn wrappers, in LightGBM's own text format."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..data.rows import table
from ..errors import InvalidModel
from ..manifests.signature import Field, Side, Signature
from ..pickles.scanning import scan
from .framework import Framework, Saved
from .values import lightgbm_columns

_WRAPPERS = frozenset({"LGBMModel", "LGBMRegressor", "LGBMClassifier", "LGBMRanker"})


class Lightgbm(Framework):
    """The booster as text; a wrapper's class, parameters and labels beside it."""

    name = "lightgbm"
    distributions: tuple[str, ...] = ("lightgbm", "numpy")
    extra = "lightgbm"
    formats: Mapping[str, str] = {"text": "model.txt", "pickle": "model.pkl"}
    executing = frozenset({"pickle"})

    def matches(self, model: object) -> bool:
        """LightGBM's own classes; an author's subclass may do more than its booster says."""
        kind = type(model)
        known = kind.__name__ in _WRAPPERS or kind.__name__ == "Booster"
        return kind.__module__.partition(".")[0] == "lightgbm" and known

    def reads(self, path: Path) -> str | None:
        """The text format, or a pickled Booster."""
        with path.open("rb") as file:
            head = file.read(64)
        if head.replace(b"\r", b"").startswith(b"tree\nversion="):
            return "text"
        if head.startswith(b"\x80"):
            names = scan(path).globals
            wrapped = any(name.startswith("lightgbm.sklearn.") for name in names)
            return "pickle" if "lightgbm.basic.Booster" in names and not wrapped else None
        return None

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> Saved:  # noqa: ARG002
        """Write the booster up to its best iteration, and what a wrapper adds to it."""
        booster = _booster(model)
        booster.save_model(str(directory / "model.txt"))
        known = {} if booster is model else _wrapper(model)
        needs = ("sklearn",) if known else ()
        return Saved("text", ("model.txt",), executes_code=False, options=known, needs=needs)

    def load(
        self,
        directory: Path,
        format: str,
        options: Mapping[str, Any],
        device: str,  # noqa: ARG002  LightGBM predicts on the CPU
        pickles: Any,
    ) -> Any:
        """Build the booster or the wrapper that was saved."""
        if format == "pickle":
            return pickles.load(directory / "model.pkl")
        import lightgbm

        booster = lightgbm.Booster(model_file=str(directory / "model.txt"))
        if "class" not in options:
            return booster
        if options["class"] not in _WRAPPERS:
            raise InvalidModel(f"LightGBM has no model `{options['class']}`.")
        return _restore(getattr(lightgbm, options["class"]), booster, options)

    def methods(self, model: Any) -> tuple[str, ...]:
        """`predict`, and a classifier's `predict_proba`."""
        return tuple(name for name in ("predict", "predict_proba") if hasattr(model, name))

    def signatures(self, model: Any) -> Mapping[str, Signature]:
        """The number of features; with the names given to them, columns."""
        booster = _booster(model)
        names = booster.feature_name()
        if names == [f"Column_{position}" for position in range(len(names))]:
            inputs = Side(
                "array", (Field("input-0", "float64", (None, len(names)), is_nullable=True),)
            )
        else:
            kinds = lightgbm_columns.categorical(booster)
            dtypes = [kinds.get(name, "object") for name in names]
            fields = map(partial(Field, shape=(None,), is_nullable=True), names, dtypes)
            inputs = Side("columns", tuple(fields))
        return dict.fromkeys(self.methods(model), Signature(inputs))

    def classes(self, model: Any, method: str) -> Mapping[int, Sequence[Any]]:  # noqa: ARG002
        """Those of a classifier, which both of its methods speak of."""
        found = getattr(model, "classes_", None)
        return {} if found is None else {0: np.asarray(found).tolist()}

    def call(self, model: Any, method: str, batch: Any) -> Any:
        """Call it; records become a DataFrame."""
        rows = lightgbm_columns.completed(table.stack(batch), _booster(model))
        return getattr(model, method)(rows)


def _booster(model: Any) -> Any:
    return model if type(model).__name__ == "Booster" else model.booster_


def _own_objective(*_: Any) -> Any:
    """Stands for an author's own, which only training calls; with one, answers are raw scores."""
    raise InvalidModel("The objective of this model was not saved.", hint="Train it again.")


def _wrapper(model: Any) -> dict[str, Any]:
    """What the text format does not hold of a scikit-learn wrapper, as JSON."""
    params = {}
    for name, value in model.get_params().items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            continue  # a callable objective or a random state: of no use after training
        params[name] = value
    known: dict[str, Any] = {
        "class": type(model).__name__,
        "params": params,
        "features": model.n_features_in_,
        "named": bool(getattr(model, "_fitted_with_feature_names", False)),
        "objective": model.objective_ if isinstance(model.objective_, str) else None,
    }
    if hasattr(model, "classes_"):
        known["classes"] = model.classes_.tolist()
        known["classes_dtype"] = model.classes_.dtype.str
    return known


def _restore(kind: type, booster: Any, options: Mapping[str, Any]) -> Any:
    """A wrapper around a booster; LightGBM offers no way but its own attributes."""
    import numpy as np
    from sklearn.preprocessing import LabelEncoder

    model = kind(**options["params"])
    state: dict[str, Any] = {
        "_Booster": booster,
        "_n_features": options["features"],
        "_n_features_in": options["features"],
        "_fitted_with_feature_names": options["named"],
        "_objective": options["objective"] or _own_objective,
        "_best_iteration": booster.best_iteration,
        "fitted_": True,
    }
    if "classes" in options:
        classes = np.array(options["classes"], dtype=np.dtype(options["classes_dtype"]))
        encoder = LabelEncoder()
        encoder.classes_ = classes
        state |= {"_classes": classes, "_n_classes": len(classes), "_le": encoder}
    vars(model).update(state)
    return model
