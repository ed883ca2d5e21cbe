"""InplaceBooster: an XGBoost booster that answers a matrix with one call of its C library.

In `Booster.inplace_predict`, Python and the DMatrix that is made for each call take longer than the
trees do for a hundred rows. Here that DMatrix is kept, and a matrix is described in one line.
"""

import ctypes
import json
import math
import threading
from functools import lru_cache
from typing import Any, Self

import numpy as np

_KINDS = {"value": 0, "margin": 1}  # of predictions, as XGBoost's c_api.h counts them
_OPTIONS = {"iteration_range", "missing", "predict_type", "validate_features"}
_TYPES = {np.dtype("<f4"): b"<f4", np.dtype("<f8"): b"<f8"}
_MATRIX = b'{"data":[%d,true],"shape":[%d,%d],"strides":null,"typestr":"%b","version":3}'


class InplaceBooster(threading.local):
    """Stands for `booster` in predictions; each thread has a DMatrix of its own."""

    def __init__(self, booster: Any) -> None:
        from xgboost import core

        self.booster = booster
        self._proxy = core._ProxyDMatrix()  # noqa: SLF001  frees it in the end
        self._predict = core._LIB.XGBoosterPredictFromDense  # noqa: SLF001

    @classmethod
    def of(cls, booster: Any) -> Self | None:
        """One for `booster`; None where this version of XGBoost keeps its library elsewhere."""
        try:
            return cls(booster)
        except AttributeError:
            return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.booster, name)

    def within(self, wrapper: Any) -> Any:
        """`wrapper`, of scikit-learn's kind, with this booster in place of its own."""
        other = object.__new__(type(wrapper))
        vars(other).update(vars(wrapper), _Booster=self)
        return other

    def inplace_predict(self, data: Any, **options: Any) -> Any:
        """As the booster's own, which also says what is wrong with `data`."""
        set_options = {name: value for name, value in options.items() if value is not None}
        answer = None
        if _is_matrix(data) and set_options.keys() <= _OPTIONS:
            answer = self._answer(data, _config(**set_options))
        return self.booster.inplace_predict(data, **options) if answer is None else answer

    def _answer(self, data: np.ndarray, config: bytes) -> np.ndarray | None:
        """The answer, or None where the library refuses."""
        matrix = _MATRIX % (data.ctypes.data, *data.shape, _TYPES[data.dtype])
        shape, axes = ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64()
        values = ctypes.POINTER(ctypes.c_float)()
        outputs = map(ctypes.byref, (shape, axes, values))
        if self._predict(self.booster.handle, matrix, config, self._proxy.handle, *outputs):
            return None
        sizes = shape[: axes.value]
        text = ctypes.string_at(values, 4 * math.prod(sizes))  # the library's own memory
        return np.frombuffer(bytearray(text), np.float32).reshape(sizes)


def _is_matrix(data: Any) -> bool:
    if type(data) is not np.ndarray or data.dtype not in _TYPES:
        return False
    return data.ndim == 2 and data.flags.c_contiguous and data.flags.aligned  # noqa: PLR2004


@lru_cache(maxsize=16)
def _config(
    iteration_range: tuple[int, int] = (0, 0),
    predict_type: str = "value",
    missing: float = math.nan,
    validate_features: bool = True,  # noqa: ARG001  the library always does
) -> bytes:
    begin, end = iteration_range
    config = {
        "type": _KINDS[predict_type],
        "training": False,
        "iteration_begin": int(begin),
        "iteration_end": int(end),
        "missing": missing,
        "strict_shape": False,
        "cache_id": 0,
    }
    return json.dumps(config).encode()
