"""Scalar: NumPy's own numbers, from JSON's."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .decoder import PLAIN, Read, ValueDecoder, refused
from .spec import NUMBERS

_ALIKE = {"b": "builtins.bool", "i": "builtins.int", "u": "builtins.int", "f": "builtins.float"}
"""Python's type for values of a dtype in JSON, by the kind of the dtype."""


def _read(dtype: np.dtype[Any], schema: Mapping[str, Any]) -> Read:
    plain = PLAIN[_ALIKE[dtype.kind]].read

    def read(value: Any, where: str) -> Any:
        number = plain(value, where)
        if "maximum" in schema and not schema["minimum"] <= number <= schema["maximum"]:
            raise refused(where, f"a number that fits {dtype}", value)
        return dtype.type(number)

    return read


def _decoder(name: str) -> ValueDecoder:
    spec = NUMBERS[name]
    return ValueDecoder(spec, _read(np.dtype(name.removeprefix("numpy.")), spec.schema))


SCALARS: Mapping[str, ValueDecoder] = {
    **{name: _decoder(name) for name in NUMBERS},
    "numpy.bool_": _decoder("numpy.bool"),  # its name before NumPy 2
}
"""By the names that the interpreter gives them."""
