"""What v1 says of itself, for tables of any width."""

import sys

from modelbundle.runtime.dialects.v1 import openapi
from modelbundle.runtime.manifests.signature import Field, Side


def calls_for(width):
    side = Side("columns", tuple(Field(f"c{n}", "float64", (None,)) for n in range(width)))
    calls = 0

    def count(_frame, event, _what):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        openapi._columns(side)
    finally:
        sys.setprofile(None)
    return calls


def test_ten_times_the_columns_take_ten_times_the_work():
    """A table of ten thousand columns took minutes to build."""
    assert calls_for(400) < 12 * calls_for(40)


def test_each_column_has_its_own_values():
    side = Side("columns", (Field("a", "int64", (None,)), Field("b", "str", (None,))))
    kinds = openapi._columns(side)["anyOf"][1]["properties"]
    assert kinds["a"]["items"]["type"] == "integer"
    assert kinds["b"]["items"]["type"] == "string"
