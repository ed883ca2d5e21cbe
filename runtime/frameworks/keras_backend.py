"""Keras's backend: the library that it computes with, which a pickle of Keras does not name."""

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


def choose(options: Mapping[str, Any]) -> None:
    """Have Keras compute with the same, unless the environment says with what.

    It decides once, when it is imported, and without a word it takes TensorFlow.
    """
    name = options.get(_OPTION)
    if isinstance(name, str) and name in _KNOWN:
        os.environ.setdefault(_VARIABLE, name)
