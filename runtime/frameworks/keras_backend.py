"""Keras backend: records which one a model was saved with, and selects it when loading."""

import os
import sys
from collections.abc import Collection, Mapping
from typing import Any

_OPTION = "keras_backend"
_VARIABLE = "KERAS_BACKEND"
_KNOWN = frozenset({"tensorflow", "torch", "jax", "openvino", "numpy"})


def noted(imports: Collection[str]) -> dict[str, str]:
    """The option of a model whose pickle imports Keras: the backend that is in use here."""
    keras = sys.modules.get("keras")
    if "keras" not in imports or keras is None:
        return {}
    name = str(keras.backend.backend())
    return {_OPTION: name} if name in _KNOWN else {}


def method(model: Any, name: str) -> Any:
    """The method `name` of a model, or None; of Keras's own `predict` the one for a batch.

    The other one answers the same, but makes a pipeline for its data and draws a bar at each call:
    45 ms with TensorFlow, where the batch alone takes a quarter of one.
    """
    own = getattr(type(model), name, None)
    if name == "predict" and str(getattr(own, "__module__", "")).partition(".")[0] == "keras":
        return getattr(model, "predict_on_batch", None) or model.predict
    return getattr(model, name, None)


def choose(options: Mapping[str, Any]) -> None:
    """Select the recorded backend, unless the environment has already chosen one.

    Keras reads the choice once, when it is imported; its default is TensorFlow.
    """
    name = options.get(_OPTION)
    if isinstance(name, str) and name in _KNOWN:
        os.environ.setdefault(_VARIABLE, name)
