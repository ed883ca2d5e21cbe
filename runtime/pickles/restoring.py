"""Restoring: which objects of a package may get a state, slots and elements from a pickle.

All three may run Python code of the object's class, with what the pickle gives it: `__setstate__`,
the setters of properties, `append`, `__setitem__`. That code may execute text (scipy's
distributions do), or call a method of an object whose attributes the pickle has chosen. So only
what is compiled may run, and the functions that are listed here, each of which was read.
"""

from collections.abc import Mapping
from enum import Enum
from inspect import getattr_static
from types import FunctionType, MemberDescriptorType, MethodDescriptorType, WrapperDescriptorType
from typing import Any

from .global_use import Use

_FILLING = ("append", "extend", "add", "__setitem__", "__getattr__", "__getattribute__")
_ACCESS = ("__setattr__", "__getattr__", "__getattribute__")
_HASHING = ("__hash__", "__eq__")
_LAYERS = (
    *("module.Module", "activation.MultiheadAttention", "activation.Softmax", "activation.Softmin"),
    *("activation.LogSoftmax", "conv._ConvNd", "pooling.AvgPool3d", "rnn.RNNBase"),
    *("transformer.TransformerDecoderLayer", "transformer.TransformerEncoderLayer"),
    "upsampling.Upsample",
)
_MODULE = "torch.nn.modules.module.Module"
_OF_MODULES = frozenset({"_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"})
_PANDAS_DTYPES = ("CategoricalDtype", "DatetimeTZDtype", "IntervalDtype")
_READ: Mapping[str, frozenset[str]] = {
    "uuid.UUID": frozenset({"int", "is_safe"}),
    "numpy.ma.MaskedArray": frozenset("012346"),  # but not the values of an array of objects
    "numpy.ma.core.MaskedArray": frozenset("012346"),
    "numpy.polynomial._polybase.ABCPolyBase": frozenset(),
    "scipy.sparse._coo.coo_matrix": frozenset(),
    "sklearn.base.BaseEstimator": frozenset({"_sklearn_version"}),
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor": frozenset({"nodes"}),
    "sklearn.isotonic.IsotonicRegression": frozenset(
        {"X_thresholds_", "y_thresholds_", "out_of_bounds"}
    ),
    "sklearn.utils._bunch.Bunch": frozenset(),
    "xgboost.core.Booster": frozenset({"handle"}),
    "lightgbm.basic.Booster": frozenset({"_handle", "handle"}),
    "pandas.core.generic.NDFrame": frozenset({"_attrs", "_flags", "_metadata", "_typ"}),
    "pandas.StringDtype": frozenset(),
    "pandas.core.arrays.string_.StringDtype": frozenset(),
    **{f"pandas.core.dtypes.dtypes.{name}": frozenset() for name in _PANDAS_DTYPES},
    **{f"pandas.{name}": frozenset() for name in _PANDAS_DTYPES},
    **{f"torch.nn.modules.{layer}": frozenset() for layer in _LAYERS},
    "torch.nn.modules.rnn.RNNBase": frozenset(
        {"_all_weights", "all_weights", "_flat_weights_names"}
        | {"num_layers", "bidirectional", "bias", "proj_size"}
    ),
}
"""Class whose `__setstate__` was read -> parts of the state whose methods it may run."""


def may_be(use: Use, kind: Any) -> bool:
    """Whether `kind`, the class of the object or what made it, allows a use of these kinds.

    With them, an object of it as a key, whose hash must be none of its attributes' doing.
    """
    if use.how in {"asked", "shaped"}:
        return _may_be_key(use, kind)
    if not isinstance(kind, type):
        return use.module == "numpy.random._pickle"  # its functions make what is compiled
    if issubclass(kind, Enum):
        return False  # its objects are everybody's
    if use.how == "fill":
        return not any(_is_python(kind, name) for name in _FILLING)
    if use.how == "slot":
        is_slot = isinstance(getattr_static(kind, use.to, None), MemberDescriptorType)
        return is_slot and not _is_python(kind, "__setattr__")
    return _may_be_restored(use, kind)


def _may_be_key(use: Use, kind: Any) -> bool:
    if not isinstance(kind, type):
        return False
    is_member = issubclass(kind, Enum) and use.how == "asked" and kind.__hash__ is Enum.__hash__
    return is_member or not any(_is_python(kind, name) for name in _HASHING)


def _may_be_restored(use: Use, kind: type) -> bool:
    restoring = [base for base in kind.__mro__ if "__setstate__" in vars(base)]
    python = [base for base in restoring if not _is_compiled(vars(base)["__setstate__"])]
    if use.how == "part" and not use.to:
        return False
    if not python:
        return True
    names = [f"{base.__module__}.{base.__qualname__}" for base in python]
    if any(name not in _READ for name in names) or not _has_usual_access(kind):
        return False
    is_layer = _MODULE in names
    if use.how == "part" and is_layer and use.to in _OF_MODULES:
        return False
    return use.how == "state" or not any(use.to in _READ[name] for name in names)


def _has_usual_access(kind: type) -> bool:
    """Whether attributes are got and set as usual, or by a class in the list."""
    found = (base for base in kind.__mro__ for name in _ACCESS if name in vars(base))
    owners = {f"{base.__module__}.{base.__qualname__}" for base in found if base is not object}
    return owners <= _READ.keys()


def _is_python(kind: type, name: str) -> bool:
    return isinstance(getattr_static(kind, name, None), FunctionType)


def _is_compiled(function: Any) -> bool:
    known = isinstance(function, (MethodDescriptorType, WrapperDescriptorType))
    return known or type(function).__name__ == "cython_function_or_method"
