"""scikit-learn: estimators, Pipelines, and objects with the same interface."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.rows import table
from ..errors import InvalidModel
from ..manifests.signature import Field, Side, Signature
from ..pickles import pickling
from ..pickles.scanning import scan
from . import pickle_file, skops_file, threads
from .answer import settled
from .framework import Framework, Saved, lineage
from .values import sklearn_gaps, sklearn_refusal

_METHODS = ("predict", "predict_proba", "decision_function", "transform", "score_samples")
_SEARCHES = ("kneighbors",)  # where there is nothing else to serve


class Sklearn(Framework):
    """Estimators, by pickle."""

    name = "sklearn"
    distributions: tuple[str, ...] = ("sklearn", "numpy", "scipy", "joblib")
    extra = "scikit-learn"
    formats: Mapping[str, str] = {
        "pickle": "model.pkl",
        "joblib": "model.joblib",
        "skops": "model.skops",
    }
    executing = frozenset(formats)

    def __init__(self) -> None:
        self._gaps: tuple[Any, sklearn_gaps.Gaps] | None = None  # whose

    def matches(self, model: object) -> bool:
        """Anything with a base class of scikit-learn's."""
        return "sklearn" in lineage(model)

    def reads(self, path: Path) -> str | None:
        """A skops file, a pickle or joblib file of scikit-learn or of a wrapper in its style."""
        if skops_file.is_one(path):
            return "skops"
        seen = scan(path)
        wrapped = any(
            name.startswith(("xgboost.sklearn.", "lightgbm.sklearn.")) for name in seen.globals
        )
        is_torchs = seen.format.startswith(("zip", "torch"))
        if is_torchs or not (wrapped or "sklearn" in seen.modules):
            return None
        return seen.format

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> Saved:  # noqa: ARG002
        """Pickle it; the author's own transformers go along by value."""
        return pickle_file.save(model, directory, _pickler)

    def load(
        self,
        directory: Path,
        format: str,
        options: Mapping[str, Any],
        device: str,  # noqa: ARG002  scikit-learn computes on the CPU
        pickles: Any,
    ) -> Any:
        """Unpickle under the policy."""
        path = directory / self.formats[format]
        if format == "skops":
            return _narrowed(skops_file.load(path, pickles))
        return _narrowed(pickle_file.load(path, format, options, pickles))

    def prepare(self, model: Any) -> Any:
        """The object itself, if it is fitted.

        Raises:
            InvalidModel: when it has learned nothing yet.
        """
        _check_fitted(model)
        return model

    def methods(self, model: Any) -> tuple[str, ...]:
        """What the fitted object really has: a transformer's default is `transform`."""
        served = tuple(name for name in _METHODS if hasattr(model, name))
        return served or tuple(name for name in _SEARCHES if hasattr(model, name))

    def signatures(self, model: Any) -> Mapping[str, Signature]:
        """The inputs by `feature_names_in_` or `n_features_in_`."""
        inputs = _inputs(model)
        return {} if inputs is None else dict.fromkeys(self.methods(model), Signature(inputs))

    def classes(self, model: Any, method: str) -> Mapping[int, Sequence[Any]]:
        """`classes_`, which a Pipeline and a search pass on; of several outputs, of each."""
        found = getattr(model, "classes_", None)
        if method not in {"predict", "predict_proba"} or found is None:
            return {}
        if isinstance(found, list):
            each = {place: np.asarray(one).tolist() for place, one in enumerate(found)}
            return each if method == "predict_proba" else {}
        return {0: np.asarray(found).tolist()}

    def call(self, model: Any, method: str, batch: Any) -> Any:
        """Call it; sparse answers become dense, those of several outputs a tuple."""
        rows = batch if takes_records(model) else table.stack(batch)
        if hasattr(rows, "columns"):
            rows = sklearn_gaps.filled(rows, self._gaps_of(model))
        answer = settled(_called(getattr(model, method), _as_fitted(model, rows)))
        if isinstance(answer, list) and _is_of_outputs(model, answer, table.rows(rows)):
            return tuple(answer)  # any other list is one of rows
        return answer

    def _gaps_of(self, model: Any) -> sklearn_gaps.Gaps:
        """What stands for a missing text; once, for each part of the model is looked at."""
        if self._gaps is None or self._gaps[0] is not model:
            self._gaps = (model, sklearn_gaps.learned(model))
        return self._gaps[1]


def _called(method: Callable[[Any], Any], rows: Any) -> Any:
    """The answer; values that the library refuses are the request's, not a failure of the model."""
    try:
        return method(rows)
    except ValueError as error:
        refused = sklearn_refusal.refusal(error, rows)
        if refused is None:
            raise
        raise refused from error


def _narrowed(model: Any) -> Any:
    """The model with as many threads a call as the environment says, where it wanted more.

    A forest that was trained with `n_jobs=-1` would start threads for every row.
    """
    count = threads.asked()
    if count and hasattr(model, "get_params") and hasattr(model, "set_params"):
        wide = {
            name: count
            for name, jobs in model.get_params(deep=True).items()
            if name.rpartition("__")[2] == "n_jobs" and isinstance(jobs, int) and jobs != 1
        }
        model.set_params(**wide)
    return model


def _as_fitted(model: Any, rows: Any) -> Any:
    """A table of numbers as a matrix, if the model was fitted on one: names would make it warn.

    A model that passes rows to the author's code gets them unchanged.
    """
    first = model.steps[0][1] if getattr(model, "steps", None) else model
    knows_no_names = hasattr(model, "n_features_in_") and not hasattr(model, "feature_names_in_")
    if not knows_no_names or not hasattr(rows, "columns"):
        return rows
    is_ours = type(first).__module__.startswith("sklearn.") and not hasattr(first, "func")
    is_plain = all(getattr(dtype, "kind", "O") in "biuf" for dtype in rows.dtypes)
    return rows.to_numpy() if is_ours and is_plain else rows


def _is_of_outputs(model: Any, answer: list[Any], rows: int) -> bool:
    """Whether a list has several outputs, each with a value for each row.

    As many as there are rows may be arrays of the rows, unless the model knows of several outputs:
    what an answer means must not depend on who else is in the batch.
    """
    for part in answer:
        if not isinstance(part, np.ndarray) or not part.ndim or len(part) != rows:
            return False
    return len(answer) != rows or isinstance(getattr(model, "classes_", None), list)


_OF_RECORDS = ("DictVectorizer", "FeatureHasher", "MultiLabelBinarizer")
_OF_TEXTS = ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer")


def takes_records(model: Any) -> bool:
    """Whether it wants a list of dicts or of lists, each with entries of its own, and no table."""
    first = model.steps[0][1] if getattr(model, "steps", None) else model
    kind = type(first).__name__
    if not type(first).__module__.startswith("sklearn."):
        return False
    return kind in _OF_RECORDS or (kind in _OF_TEXTS and callable(first.analyzer))


def _check_fitted(model: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    last = model.steps[-1][1] if getattr(model, "steps", None) else model
    if not type(last).__module__.startswith("sklearn.") or hasattr(last, "transformer_list"):
        return  # only the library's own keep its rule of trailing underscores
    try:
        check_is_fitted(last)
    except NotFittedError as error:
        raise InvalidModel(
            f"The `{type(last).__name__}` is not fitted.", hint="Call its `fit` before saving it."
        ) from error
    except TypeError:
        return  # nothing that fits


def _pickler(*args: Any, **kwargs: Any) -> Any:
    """A pickler that leaves out memory addresses, which differ from process to process."""

    class Pickler(pickling.pickler()):  # type: ignore[misc]
        def reducer_override(self, value: Any) -> Any:
            # sklearn.feature_extraction.text remembers the id() of the list that it checked.
            if isinstance(value, type) or "_stop_words_id" not in getattr(value, "__dict__", ()):
                return super().reducer_override(value)
            make, arguments, state, *rest = value.__reduce_ex__(pickling.PROTOCOL)
            plain = {name: part for name, part in state.items() if name != "_stop_words_id"}
            return make, arguments, plain, *rest

    return Pickler(*args, **kwargs)


def _inputs(model: Any) -> Side | None:
    names = getattr(model, "feature_names_in_", None)
    if names is not None:  # their dtypes were not kept: values decide, request by request
        return Side("columns", tuple(Field(str(name), "object", (None,)) for name in names))
    count = getattr(model, "n_features_in_", None)
    if count is None:
        return None
    dtype = "object" if _takes_categories(model) else "float64"
    return Side("array", (Field("input-0", dtype, (None, int(count))),))


def _takes_categories(model: Any) -> bool:
    parts = [model]
    if hasattr(model, "get_params"):
        parts += [part for part in model.get_params(deep=True).values() if hasattr(part, "fit")]
    return any(hasattr(part, "categories_") or hasattr(part, "categories") for part in parts)
