"""MLflow's schemas: each type it has, and whatever else stands there."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.saving.foreign import mlflow_schema
from modelbundle.runtime.manifests.signature import OBJECTS, Field, Side, Signature


def inputs(*columns):
    found = mlflow_schema.signature({"inputs": json.dumps(columns)}, batchable=True)
    return found.inputs if found else None


@pytest.mark.parametrize(
    ("kind", "dtype", "nullable"),
    [
        ("boolean", "bool", False), ("integer", "int32", False), ("long", "int64", False),
        ("float", "float32", True), ("double", "float64", True), ("string", "str", True),
        ("binary", "bytes", False), ("datetime", "datetime64[ns]", True),
    ],
)  # fmt: skip
def test_a_column_of_each_type(kind, dtype, nullable):
    assert inputs({"type": kind, "name": "x", "required": False}) == Side(
        "columns", (Field("x", dtype, (None,), nullable),)
    )


@pytest.mark.parametrize(
    ("columns", "side"),
    [
        ([{"type": "double"}], Side("array", (Field("input-0", "float64", (None,)),))),
        ([{"type": "double"}, {"type": "double"}], OBJECTS),
        ([{"type": "double", "name": "a"}, {"type": "double", "name": "a"}], OBJECTS),
        ([{"type": "array", "items": {"type": "long"}, "name": "a"}], OBJECTS),
        ([{"type": "double", "name": "a\nb"}], OBJECTS),
        ([{"type": "double", "name": 3}], OBJECTS),
        ([{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}],
         Side("array", (Field("input-0", "float32", (None, 3)),))),
        ([{"type": "tensor", "name": "ids", "tensor-spec": {"dtype": "int64", "shape": [-1, -1]}}],
         Side("tensors", (Field("ids", "int64", (None, None)),))),
        ([{"type": "tensor", "tensor-spec": {"dtype": "evil", "shape": [-1]}}], OBJECTS),
        ([{"type": "tensor", "tensor-spec": {"dtype": [], "shape": [-1]}}], OBJECTS),
        ([{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": ["x"]}}], OBJECTS),
        ([{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [1e9]}}], OBJECTS),
        ([{"type": "tensor"}], OBJECTS),
        ([3], None),
        ([], None),
    ],
)  # fmt: skip
def test_a_side(columns, side):
    assert inputs(*columns) == side


def test_rows_share_a_call_only_where_the_first_axis_is_free():
    fixed = [{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [4, 3]}}]
    found = mlflow_schema.signature({"inputs": json.dumps(fixed)}, batchable=True)
    assert found == Signature(
        Side("array", (Field("input-0", "int64", (4, 3)),)), OBJECTS, batchable=False
    )


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_anything_else_is_no_signature(value):
    mlflow_schema.signature(value, batchable=True)
    mlflow_schema.signature({"inputs": json.dumps(value), "outputs": value}, batchable=True)
    mlflow_schema.example(json.dumps(value).encode())
    mlflow_schema.example(json.dumps({"columns": value, "data": value}).encode())
