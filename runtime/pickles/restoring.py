"""Restoring: which objects of a package may get a state, slots and elements from a pickle.

All three may run Python code of the object's class, with what the pickle gives it: `__setstate__`,
the setters of properties, `append`, `__setitem__`. That code may execute text (scipy's
distributions do), or call a method of an object whose attributes the pickle has chosen. So only
what is compiled may run, and the functions that are listed here, each of which was read.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from inspect import getattr_static
from types import FunctionType, MemberDescriptorType, MethodDescriptorType, WrapperDescriptorType
from typing import Any

from .global_use import Use
from .recorder import ELEMENTS

_SETTING = ("__setitem__",)  # of items, which is looked up in the class
_FILLING = ("append", "extend", "add", *_SETTING, "__getattr__", "__getattribute__")
_ACCESS = ("__setattr__", "__getattr__", "__getattribute__")
_HASHING = ("__hash__", "__eq__")
_LISTING = ("__array__", "__array_interface__", "__len__", "__getitem__", "__iter__", *_ACCESS[1:])
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
    "lightgbm.basic.Booster": frozenset({"_handle", "handle", "free_network"}),
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
"""Class whose `__setstate__` was read -> parts of the state whose methods it may run.

Those of LightGBM and XGBoost also say what `__del__` runs, which frees what `__setstate__` made.
"""
_KEEPING = frozenset(
    {
        *("builtins.BaseException", "numpy.dtype", "numpy.generic", "numpy.ndarray"),
        *(f"pandas._libs.{name}" for name in ("arrays.NDArrayBacked", "internals.Block")),
        "pandas._libs.internals.BlockManager",
        *(f"sklearn.neighbors._{kind}_tree.BinaryTree{bits}" for kind in ("ball", "kd")
          for bits in ("", "32", "64")),
    }
)  # fmt: skip
"""Classes whose compiled `__setstate__` only keeps the parts of a state.

Any other may run their methods, as that of pandas' offsets does, and numpy's of random numbers.
"""
_RANDOM = "numpy.random."
_SEED = "1"  # the part of a bit generator's state that it keeps


def may_be(use: Use, kind: Any) -> bool:
    """Whether `kind`, the class of the object or what made it, allows a use of these kinds.

    With them, an object of it as a key or an element of an array, if that runs no code of it.
    """
    if use.how in {"asked", "shaped"}:
        return _may_be_key(use, kind)
    if not isinstance(kind, type):  # functions make what is compiled
        return use.module == "numpy.random._pickle" and _is_kept(use, ())
    if issubclass(kind, Enum):
        return False  # its objects are everybody's
    if use.how == "fill":
        return not any(_is_python(kind, name) for name in (_SETTING if use.to else _FILLING))
    if use.how == "slot":
        is_slot = isinstance(getattr_static(kind, use.to, None), MemberDescriptorType)
        return is_slot and not _is_python(kind, "__setattr__")
    return _may_be_restored(use, kind)


def _may_be_key(use: Use, kind: Any) -> bool:
    if not isinstance(kind, type):
        return False
    is_member = issubclass(kind, Enum) and use.how == "asked" and kind.__hash__ is Enum.__hash__
    return is_member or not any(
        _is_python(kind, name) for name in (_LISTING if use.to == ELEMENTS else _HASHING)
    )


def _may_be_restored(use: Use, kind: type) -> bool:
    restoring = [base for base in kind.__mro__ if "__setstate__" in vars(base)]
    python = [base for base in restoring if not _is_compiled(vars(base)["__setstate__"])]
    if use.how == "part" and not use.to:
        return False
    if not restoring:  # it is looked for in the object, whose elements may come from the pickle
        return not any(_is_python(kind, name) for name in ("__getattr__", "__getattribute__"))
    if not python:
        return _is_kept(use, restoring)
    names = [_name(base) for base in python]
    if any(name not in _READ for name in names) or not _has_usual_access(kind):
        return False
    is_layer = _MODULE in names
    if use.how == "part" and is_layer and use.to in _OF_MODULES:
        return False
    return use.how == "state" or not any(use.to in _READ[name] for name in names)


def _is_kept(use: Use, restoring: Sequence[type]) -> bool:
    """Whether compiled code runs no methods of what the state has there."""
    if use.how == "state" or (restoring and all(_name(base) in _KEEPING for base in restoring)):
        return True
    is_random = all(base.__module__.startswith(_RANDOM) for base in restoring)
    return is_random and (use.how, use.to) == ("part", _SEED)


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _has_usual_access(kind: type) -> bool:
    """Whether attributes are got and set as usual, or by a class in the list."""
    found = ((base, vars(base).get(name)) for base in kind.__mro__ for name in _ACCESS)
    return {
        _name(base) for base, access in found if isinstance(access, FunctionType)
    } <= _READ.keys()


def _is_python(kind: type, name: str) -> bool:
    return isinstance(getattr_static(kind, name, None), FunctionType)


def _is_compiled(function: Any) -> bool:
    known = isinstance(function, (MethodDescriptorType, WrapperDescriptorType))
    return known or type(function).__name__ == "cython_function_or_method"
