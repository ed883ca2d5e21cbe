"""XGBoost: boosters and their scikit-learn wrappers."""

import json
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.rows import table
from ..errors import InvalidModel, NoDevice
from ..manifests.signature import Field, Side, Signature
from ..pickles.scanning import scan
from . import threads
from .framework import Framework, Saved
from .inplace_booster import InplaceBooster
from .values import sklearn_refusal, xgboost_categories, xgboost_columns
from .values.xgboost_categories import Categories, CutTexts, Learned

_HEAD = 4096  # bytes: the first keys of a model are within
_DTYPES = {"int": "int64", "i": "bool", "c": "category"}  # of booster.feature_types; else float


class Xgboost(Framework):
    """Boosters as UBJSON; wrappers with their class and parameters beside it."""

    name = "xgboost"
    distributions: tuple[str, ...] = ("xgboost", "numpy")
    extra = "xgboost"
    formats: Mapping[str, str] = {"ubj": "model.ubj", "json": "booster.json", "pickle": "model.pkl"}
    executing = frozenset({"pickle"})

    def __init__(self) -> None:
        self._is_on_gpu = False  # of the model that was loaded
        self._in_place: InplaceBooster | None = None  # for that, where it can be
        self._categories: tuple[Any, dict[str, Categories]] | None = None  # whose
        self._texts: dict[str, tuple[Any, ...]] = {}  # of its columns, where XGBoost cut them
        self._is_live = True

    def matches(self, model: object) -> bool:
        """XGBoost's own classes; an author's subclass may do more than its booster says."""
        module = type(model).__module__
        return module.partition(".")[0] == "xgboost" and _is_model(model)

    def reads(self, path: Path) -> str | None:
        """UBJSON or JSON with a learner, or a pickled Booster."""
        with path.open("rb") as file:
            head = file.read(_HEAD)
        if head.startswith(b"{L") and b"learner" in head:
            return "ubj"
        if head.lstrip().startswith(b"{") and b'"learner"' in head:
            return "json"
        if head.startswith(b"\x80"):
            names = scan(path).globals
            wrapped = any(name.startswith("xgboost.sklearn.") for name in names)
            return "pickle" if "xgboost.core.Booster" in names and not wrapped else None
        return None

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> Saved:  # noqa: ARG002
        """`save_model`, and what it leaves out of a wrapper."""
        model.save_model(directory / "model.ubj")
        known: dict[str, Any] = {}
        if hasattr(model, "get_booster"):
            known = {"class": type(model).__name__, "params": _plain_params(model)}
        needs = ("sklearn",) if known else ()
        if self._texts:  # a sample has told of them
            known["categories"] = {name: list(texts) for name, texts in self._texts.items()}
        note = None if known else _rounds_after_the_best(model)
        return Saved("ubj", ("model.ubj",), False, options=known, needs=needs, note=note)

    def load(
        self, directory: Path, format: str, options: Mapping[str, Any], device: str, pickles: Any
    ) -> Any:
        """Build the booster or the wrapper that was saved, on `device`."""
        import xgboost

        path = directory / self.formats[format]
        if format == "pickle":
            model = pickles.load(path)
        else:
            kind = getattr(xgboost, options.get("class", "Booster"), None)
            if not (isinstance(kind, type) and kind.__name__.startswith(("XGB", "Booster"))):
                raise InvalidModel(f"xgboost has no model `{options['class']}`.")
            model = kind(**options.get("params", {}))
            model.load_model(path)
        self._is_on_gpu = device != "cpu"
        if self._is_on_gpu and not xgboost.build_info().get("USE_CUDA"):
            raise NoDevice(  # it would warn, and compute on the CPU
                f"This xgboost {xgboost.__version__} cannot use a GPU.",
                hint="Install the one that can with `pip install --force-reinstall xgboost`.",
            )
        self._is_live, categories = False, options.get("categories", {})
        self._texts = {name: tuple(texts) for name, texts in categories.items()}
        count = threads.asked()
        _booster(model).set_param({"device": device} | ({"nthread": count} if count else {}))
        if hasattr(model, "get_booster"):
            # Not `set_params`: it gives the booster all of them, also what only training reads.
            model.device = device
            model.n_jobs = count or model.n_jobs
        if self._is_on_gpu:
            _check_device(_booster(model))
        else:
            self._in_place = InplaceBooster.of(_booster(model))
        return model

    def methods(self, model: Any) -> tuple[str, ...]:
        """`predict`, and a classifier's `predict_proba`."""
        return tuple(name for name in ("predict", "predict_proba") if hasattr(model, name))

    def signatures(self, model: Any) -> Mapping[str, Signature]:
        """The features that the booster was trained on; trees know where to go without one."""
        booster = _booster(model)
        names, types = booster.feature_names, booster.feature_types
        if names:
            types = types or ["float"] * len(names)
            inputs = Side("columns", tuple(map(_column, names, types)))
        else:
            count = booster.num_features()
            inputs = Side("array", (Field("input-0", "float64", (None, count), is_nullable=True),))
        return dict.fromkeys(self.methods(model), Signature(inputs))

    def classes(self, model: Any, method: str) -> Mapping[int, Sequence[Any]]:  # noqa: ARG002
        """Those of a classifier, which both of its methods speak of."""
        found = getattr(model, "classes_", None)
        return {} if found is None else {0: np.asarray(found).tolist()}

    def call(self, model: Any, method: str, batch: Any) -> Any:
        """Call a wrapper as it is, a booster in place or else through a DMatrix of its names.

        Both are called with an `InplaceBooster`, unless the model is an author's own.

        Raises:
            InvalidInput: a value that it does not take.
        """
        booster, data = _booster(model), table.stack(batch)
        _check_categories(data)
        data = xgboost_columns.completed(data, lambda: self._known(booster, data))
        quick = self._in_place if self._in_place and self._in_place.booster is booster else None
        try:
            if booster is not model:
                return getattr(quick.within(model) if quick else model, method)(data)
            return _predicted(quick or model, data, is_on_gpu=self._is_on_gpu)
        except ValueError as error:
            if refused := sklearn_refusal.refusal(error, data):
                raise refused from error
            raise

    def _learned(self, booster: Any) -> dict[str, Categories]:
        """See there; once, for all of the model is written out for it."""
        if self._categories is None or self._categories[0] is not booster:
            self._categories = (booster, xgboost_categories.learned(booster))
        return self._categories[1]

    def _known(self, booster: Any, data: Any) -> Learned:
        """What was learned; texts that XGBoost cut, as the table of a live model tells of them.

        Never as a request tells of them: what was cut off could be anything.
        """
        learned = self._learned(booster)
        for name, each in learned.items():
            if isinstance(each, CutTexts):
                texts = self._texts.get(name, ())
                if self._is_live and data[name].dtype == "category":
                    texts = tuple(data[name].cat.categories)
                if each.are(texts):
                    learned[name] = self._texts[name] = texts
        return learned


def _check_device(booster: Any) -> None:
    """Refuse a booster that XGBoost has moved to the CPU, with a warning, where it finds no GPU.

    Raises:
        NoDevice: what `bundle serve --gpu` promises would not be so.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says what the error says
        parameters = json.loads(booster.save_config()).get("learner", {}).get("generic_param", {})
    if parameters.get("device") == "cpu":
        raise NoDevice(
            "XGBoost finds no GPU that it can use, and would compute on the CPU.",
            hint="`nvidia-smi` says whether the driver works; a container also needs its library "
            "(`NVIDIA_DRIVER_CAPABILITIES=compute,utility`).",
        )


def _predicted(booster: Any, data: Any, *, is_on_gpu: bool) -> Any:
    """A matrix as it lies: to make a DMatrix of a few rows takes longer than to answer them.

    A GPU cannot see it there.
    """
    import xgboost

    is_matrix = isinstance(data, np.ndarray) and data.ndim == 2 and data.dtype.kind in "biuf"  # noqa: PLR2004
    if is_matrix and not is_on_gpu:
        try:
            return booster.inplace_predict(data)
        except xgboost.core.XGBoostError:
            pass  # linear boosters cannot; anything else is said once more below
    names = None if hasattr(data, "columns") else booster.feature_names
    return booster.predict(xgboost.DMatrix(data, feature_names=names, enable_categorical=True))


def _booster(model: Any) -> Any:
    return model.get_booster() if hasattr(model, "get_booster") else model


def _rounds_after_the_best(booster: Any) -> str | None:
    """What to say of a booster whose training stopped early: it answers with all of its rounds."""
    best, rounds = booster.attr("best_iteration"), booster.num_boosted_rounds()
    if best is None or int(best) + 1 >= rounds:
        return None
    return (
        f"Its training stopped after {rounds} rounds; {int(best) + 1} were the best. `predict` "
        "uses all of them, as the booster's own does. For the best ones, save "
        "`booster[: booster.best_iteration + 1]`."
    )


def _is_model(model: object) -> bool:
    return hasattr(model, "get_booster") or type(model).__name__ == "Booster"


def _check_categories(data: Any) -> None:
    """XGBoost 3.1 began to keep the categories; before, it took the codes of the request's own."""
    if not hasattr(data, "columns") or not any(dtype == "category" for dtype in data.dtypes):
        return
    import xgboost

    if tuple(map(int, xgboost.__version__.split(".")[:2])) < (3, 1):
        raise InvalidModel(
            f"XGBoost {xgboost.__version__} does not keep the categories of a column.",
            hint="Train and serve with `xgboost>=3.1`, or encode the column in a Pipeline.",
        )


def _column(name: str, kind: str) -> Field:
    dtype = _DTYPES.get(kind, "float64")
    return Field(name, dtype, (None,), is_nullable=dtype in {"float64", "category"})


def _plain_params(model: Any) -> dict[str, Any]:
    """The parameters that JSON can say; the booster keeps what the others did."""
    plain = {}
    for name, value in model.get_params().items():
        if value is None or (isinstance(value, float) and math.isnan(value)):
            continue  # the default: nothing, or NaN for `missing`
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            continue
        plain[name] = value
    return plain
