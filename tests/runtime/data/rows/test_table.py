import datetime as dt
import math
from itertools import pairwise

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.data.rows import table
from modelbundle.runtime.data.rows.fragments import Fragments
from modelbundle.runtime.errors import InvalidInput, PredictionFailed
from modelbundle.runtime.manifests.signature import OBJECTS, Field, Side


def array(dtype="float64", *dims):
    return Side("array", (Field("input-0", dtype, (None, *dims)),))


PERSON = Side(
    "columns",
    (
        Field("age", "int64", (None,)),
        Field("income", "float64", (None,)),
        Field("city", "str", (None,)),
    ),
)
PAIR = Side("tensors", (Field("ids", "int64", (None, None)), Field("scale", "float32", (None,))))


def collated(side, instances, **options):
    """The batch, or None after a refusal that names its place."""
    try:
        return table.collate(side, instances, **options)
    except InvalidInput as refusal:
        return None if refusal.detail.startswith("instances") else refusal


def said(side, instances, **options):
    with pytest.raises(InvalidInput) as caught:
        table.collate(side, instances, **options)
    return caught.value.detail


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_whole_numbers_are_fine_in_a_float_field(dtype):
    batch = table.collate(array(dtype, 2), [[1, 2.5], [3, 4]])
    assert batch.dtype == dtype
    assert batch.tolist() == [[1, 2.5], [3, 4]]


def test_a_scalar_row_is_a_bare_value():
    assert table.collate(array("int64"), [1, 2]).tolist() == [1, 2]
    assert table.collate(array("str"), ["a", "bc"]).tolist() == ["a", "bc"]
    assert table.collate(array("bool"), [True]).dtype == bool


def test_no_rows_keep_their_shape():
    assert table.collate(array("float32", 3), []).shape == (0, 3)
    assert len(table.collate(PERSON, [])) == 0


@pytest.mark.parametrize(
    ("dtype", "dims", "row", "detail"),
    [
        ("float64", (3,), [1.0, 2.0], "expected 3 numbers, got 2."),
        ("float64", (1,), [1.0, 2.0], "expected 1 number, got 2."),
        ("int64", (1, 1), [[1], [2]], "expected 1 list, got 2."),
        ("float64", (3,), 7, "expected 3 numbers, got 7."),
        ("float64", (3,), "abc", 'expected 3 numbers, got the string "abc".'),
        ("float64", (3,), {"a": 1}, "expected 3 numbers, got an object."),
        ("float64", (3,), None, "expected 3 numbers, got null."),
        ("float64", (None,), 7, "expected a list of numbers, got 7."),
        ("float64", (2, 2), [[1, 2]], "expected 2 lists, got 1."),
        ("float64", (2, 2), [1, 2], "[0]: expected 2 numbers, got 1."),
        ("float64", (), [1.0], "expected a number, got a list of 1."),
    ],
)
def test_a_wrong_shape_names_the_row(dtype, dims, row, detail):
    good = np.ones(tuple(size or 1 for size in dims)).tolist()
    glue = "" if detail.startswith("[") else ": "
    assert said(array(dtype, *dims), [good, row, good]) == f"instances[1]{glue}{detail}"


@pytest.mark.parametrize(
    ("dtype", "value", "detail"),
    [
        ("float64", True, "expected a number, got true."),
        ("float64", None, "expected a number, got null."),
        ("float64", "1.5", 'expected a number, got the string "1.5".'),
        ("float64", float("nan"), "expected a finite number that fits float64, got NaN."),
        ("float64", float("inf"), "expected a finite number that fits float64, got inf."),
        ("float64", 10**400, "expected a finite number that fits float64, got 1" + "0" * 39 + "."),
        ("float32", 1e300, "expected a finite number that fits float32, got 1e+300."),
        ("int64", 1.5, "expected a whole number, got 1.5."),
        ("int64", False, "expected a whole number, got false."),
        ("int64", float("nan"), "expected a whole number, got NaN."),
        ("uint8", 256, "expected a whole number from 0 to 255, got 256."),
        ("uint8", -1, "expected a whole number from 0 to 255, got -1."),
        ("bool", 1, "expected true or false, got 1."),
        ("str", 1, "expected a string, got 1."),
        ("datetime64[ns]", "soon", 'expected an ISO 8601 time, got the string "soon".'),
        (
            "datetime64[ns]",
            "9999-12-31",
            'expected an ISO 8601 time that fits datetime64[ns], got the string "9999-12-31".',
        ),
        (
            "datetime64[us]",
            "0001-01-01T00:00+01:00",
            'expected an ISO 8601 time that fits datetime64[us], got the string "0001-01-01T00:00+01:00".',
        ),
        ("bytes", "%", 'expected {"b64": "..."}, got the string "%".'),
    ],
)
def test_a_wrong_value_names_its_place(dtype, value, detail):
    good = {
        "bool": True,
        "str": "a",
        "datetime64[ns]": "2024-05-01",
        "datetime64[us]": "2024-05-01",
        "bytes": {"b64": "YQ=="},
    }.get(dtype, 1)
    assert said(array(dtype, 2), [[good, good], [good, value]]) == f"instances[1][1]: {detail}"


def test_a_float_without_a_fraction_is_a_whole_number():
    assert table.collate(array("int32"), [1, 2.0]).tolist() == [1, 2]


def test_rows_of_one_request_agree_in_their_free_dimensions():
    side = array("float64", None)
    assert table.collate(side, [[1, 2], [3, 4]]).shape == (2, 2)
    assert said(side, [[1, 2], [3]]) == (
        "instances[1]: expected the shape [2] of instances[0], got [1]."
    )
    assert said(array("float64", None, None), [[[1, 2], [3]]]) == (
        "instances[0][1]: expected length 2, got 1."
    )


def test_a_fixed_batch_asks_for_its_number_of_rows():
    side = Side("array", (Field("x", "float64", (2, 1)),))
    assert table.collate(side, [[1], [2]]).shape == (2, 1)
    assert said(side, [[1]]) == "instances: expected 2 in one request, got 1."


def test_records_and_rows_in_column_order_make_the_same_frame():
    records = table.collate(PERSON, [{"city": "Oslo", "age": 41, "income": 10}])
    pd.testing.assert_frame_equal(records, table.collate(PERSON, [[41, 10, "Oslo"]]))
    assert list(records) == ["age", "income", "city"]
    assert records["income"].dtype == "float64"


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        ({"age": 1, "income": 2.0}, "instances[0]: field `city` is missing."),
        (
            {"age": 1, "income": 2.0, "ctiy": "x"},
            "instances[0]: unknown field `ctiy`; did you mean `city`?",
        ),
        (
            {"age": 1, "income": 2.0, "city": "x", "zzz": 0},
            "instances[0]: unknown field `zzz`; expected age, income, city.",
        ),
        (
            {"age": 1.5, "income": 2.0, "city": "x"},
            "instances[0].age: expected a whole number, got 1.5.",
        ),
        (
            [1, 2],
            "instances[0]: expected an object or a list of 3 values (age, income, city), got 2.",
        ),
        (
            "x",
            'instances[0]: expected an object or a list of 3 values (age, income, city), got the string "x".',
        ),
    ],
)
def test_a_wrong_record_names_its_field(row, detail):
    assert said(PERSON, [row]) == detail


def test_null_is_a_missing_value_only_where_it_was_allowed():
    row = {"age": 1, "income": None, "city": None}
    assert said(PERSON, [row]) == "instances[0].income: expected a number, got null."
    frame = table.collate(PERSON, [row], nan_as_null=True)
    assert frame.isna().iloc[0].tolist() == [False, True, True]
    assert said(PERSON, [row | {"age": None}], nan_as_null=True).startswith("instances[0].age")


def test_categories_and_times_come_as_pandas_has_them():
    fields = (
        Field("kind", "category", (None,)),
        Field("at", "datetime64[ns]", (None,)),
        Field("utc", "datetime64[us, Europe/Oslo]", (None,)),
    )
    side = Side("columns", fields)
    row = ["a", "2024-05-01T02:00:00+02:00", "2024-05-01T00:00:00Z"]
    frame = table.collate(side, [row])
    assert [str(dtype) for dtype in frame.dtypes] == [
        "category",
        "datetime64[ns]",
        "datetime64[us, Europe/Oslo]",
    ]
    assert frame["at"][0] == pd.Timestamp("2024-05-01")
    other = table.collate(side, [["b", *row[1:]]])
    assert table.concat([frame, other])["kind"].dtype == "category"


def test_tensors_are_named_arrays():
    batch = table.collate(PAIR, [{"ids": [1, 2], "scale": 1}, {"ids": [3, 4], "scale": 2.5}])
    assert batch["ids"].tolist() == [[1, 2], [3, 4]]
    assert batch["scale"].dtype == np.float32
    assert (
        said(PAIR, [{"ids": 1, "scale": 1}])
        == "instances[0].ids: expected a list of whole numbers, got 1."
    )


def test_objects_pass_as_they_are():
    assert table.collate(OBJECTS, [[1, 2], {"a": 1}]) == [[1, 2], {"a": 1}]


def test_arrays_are_cast_only_where_nothing_is_lost():
    side = array("float32", 2)
    assert table.accept(side, np.ones((3, 2))).dtype == np.float32
    assert table.accept(side, np.ones((3, 2), ">i2")).tolist() == [[1, 1]] * 3
    for wrong in (np.ones((3, 3)), np.ones(2), np.full((1, 2), np.nan), np.array([[True, False]])):
        with pytest.raises(InvalidInput):
            table.accept(side, wrong)
    with pytest.raises(
        InvalidInput, match=r"^instances: expected shape \(rows, 2\), got \(3, 3\).$"
    ):
        table.accept(side, np.ones((3, 3)))
    with pytest.raises(InvalidInput, match=r"instances\[0\]: expected a whole number, got 1.5."):
        table.accept(array("int8"), np.array([1.5]))
    with pytest.raises(InvalidInput, match="from -128 to 127, got 300"):
        table.accept(array("int8"), np.array([300]))


@pytest.mark.parametrize("dtype", ["bytes", "str", "int32", "float32", "bool"])
@pytest.mark.parametrize("shape", [(1, 0, 0), (1, 2, 0), (3, 0, 4)])
def test_rows_without_a_value_keep_their_axes(dtype, shape):
    """Which lists could not tell."""
    side = Side("array", (Field("x", dtype, (None, None, None)),))
    for array in (np.empty(shape, object), np.empty(shape, "f8")):
        assert table.fit(side, array).shape == shape
    with pytest.raises(InvalidInput, match="expected shape"):
        table.fit(side, np.empty(shape[:2], "f8"))


def test_frames_and_matrices_become_the_columns_of_the_signature():
    frame = pd.DataFrame({"city": ["x"], "income": [1], "age": [2]})
    assert list(table.accept(PERSON, frame)) == ["age", "income", "city"]
    numbers = Side("columns", (Field("a", "float64", (None,)), Field("b", "int64", (None,))))
    assert table.accept(numbers, np.array([[1.0, 2.0]])).dtypes.astype(str).tolist() == [
        "float64",
        "int64",
    ]
    with pytest.raises(InvalidInput, match="did you mean `city`"):
        table.accept(PERSON, frame.rename(columns={"city": "citty"}))


def test_a_python_caller_may_give_records_and_several_inputs_side_by_side():
    """As a service has them; each was a TypeError of an unhashable dict, list or array."""
    times = Side("columns", (*PERSON.fields, Field("at", "datetime64[ns]", (None,))))
    record = {"age": np.int64(3), "income": math.nan, "city": "Oslo", "at": dt.date(2020, 1, 1)}
    asked = [record, [4, None, "Rome", "2020-01-02"]]
    assert table.accept(times, asked, nan_as_null=True).equals(
        table.collate(
            times,
            [record | {"age": 3, "income": None, "at": "2020-01-01"}, asked[1]],
            nan_as_null=True,
        )
    )
    ids, scale = np.arange(6).reshape(2, 3), np.ones(2)
    by_name = table.accept(PAIR, {"ids": ids, "scale": scale})
    rows = [{"ids": row, "scale": 1.0} for row in ids]
    for asked in ((ids, scale), rows, [[row.tolist(), 1] for row in ids]):
        taken = table.accept(PAIR, asked)
        assert all(np.array_equal(taken[name], by_name[name]) for name in by_name)
    for wrong, message in (
        ((ids,), "expected 2 arrays, got 1."),
        ([{"ids": ids[0], "scale": math.inf}], "got an infinity"),
        ([object()], "expected plain values, times and arrays"),
    ):
        with pytest.raises(InvalidInput, match=message):
            table.accept(PAIR, wrong)


BATCHES = [
    np.arange(12.0).reshape(6, 2),
    {"a": np.arange(6), "b": np.ones((6, 2))},
    (np.arange(6), np.ones((6, 2))),
    [{"a": i} for i in range(6)],
    pd.DataFrame({"a": range(6), "b": list("abcdef")}),
    pd.Series(range(6)),
]


@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: type(batch).__name__)
@given(cuts=st.lists(st.integers(0, 6), max_size=4))
def test_what_is_cut_apart_joins_to_the_same(batch, cuts):
    edges = [0, *sorted(cuts), 6]
    parts = [table.slice(batch, *edge) for edge in pairwise(edges)]
    assert sum(map(table.rows, parts)) == table.rows(batch) == 6
    assert table.to_instances(table.concat(parts)) == table.to_instances(batch)
    assert table.nbytes(batch) > 0


def test_rows_that_differ_in_shape_or_type_never_share_a_key():
    for side, one, other in [
        (array("float64", None), [[1]], [[1, 2]]),
        (PAIR, [[[1], 1]], [[[1, 2], 1]]),
        (OBJECTS, [[1, 2]], [[1]]),
        (OBJECTS, [[1]], [["a"]]),
        (OBJECTS, [{"a": 1}], [{"b": 1}]),
    ]:
        keys = [table.key(side, table.collate(side, rows)) for rows in (one, other, one + one)]
        assert keys[0] != keys[1]
        assert keys[0] == keys[2]
    assert table.key(PERSON, table.collate(PERSON, [[1, 2, "x"]])) == table.key(
        PERSON, table.collate(PERSON, [[4, 5.5, "y"]])
    )


def test_answers_become_labels_lists_and_records():
    assert table.to_instances(np.array(["a", "b"])) == ["a", "b"]
    assert table.to_instances(np.array([[0.5, 0.5]])) == [[0.5, 0.5]]
    assert table.to_instances((np.array([1]), np.array([2.5]))) == [
        {"output-0": 1, "output-1": 2.5}
    ]
    assert table.to_instances({"x": np.array([1, 2])}) == [{"x": 1}, {"x": 2}]
    assert table.to_instances(pd.DataFrame({"x": ["a"], 1: [2]})) == [{"x": "a", "1": 2}]
    assert table.to_instances([np.float32(0.5), np.array([1]), (1, None), b"a"]) == [
        0.5,
        [1],
        [1, None],
        {"b64": "YQ=="},
    ]
    assert table.to_instances(np.array(["2024-05-01"], "datetime64[D]")) == ["2024-05-01"]


def test_nan_is_refused_or_null():
    for output in (np.array([[1.0, np.nan]]), [[1.0, float("inf")]], pd.Series([1.0, np.nan])):
        with pytest.raises(PredictionFailed):
            table.to_instances(output)
        with pytest.raises(PredictionFailed):
            table.to_wire(output)
    assert table.to_instances(np.array([[1.0, np.nan]]), nan_as_null=True) == [[1.0, None]]
    with pytest.raises(PredictionFailed, match=r"predictions\[0\]\[1\]"):
        table.to_instances(np.array([[1.0, np.nan]]))


@pytest.mark.parametrize("output", [3, np.array(3), object(), [object()]])
def test_what_is_not_rows_or_json_fails(output):
    with pytest.raises(PredictionFailed):
        table.to_instances(output)


def test_outputs_of_unlike_lengths_fail():
    for verb in (table.rows, table.to_instances):
        with pytest.raises(PredictionFailed):
            verb((np.zeros(2), np.zeros(3)))
    with pytest.raises(PredictionFailed):
        table.rows(3)


@pytest.mark.parametrize(
    "output",
    [np.arange(6.0).reshape(2, 3).T, np.arange(3, dtype=">i4"), np.array(["a"]), np.float16([1.5])],
)
def test_the_wire_form_is_what_orjson_takes(output):
    data = orjson.dumps(table.to_wire(output), option=orjson.OPT_SERIALIZE_NUMPY)
    assert orjson.loads(data) == table.to_instances(output)


NUMBERS = {
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "bool": st.booleans(),
    "str": st.text(),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=6,
)


@given(
    data=st.data(),
    dtype=st.sampled_from(sorted(NUMBERS)),
    dims=st.lists(st.integers(1, 3), max_size=2),
)
def test_good_rows_survive_the_way_in_and_out(data, dtype, dims):
    rows = NUMBERS[dtype]
    for size in reversed(dims):
        rows = st.lists(rows, min_size=size, max_size=size)
    instances = data.draw(st.lists(rows, min_size=1, max_size=4))
    batch = table.collate(array(dtype, *dims), instances)
    assert batch.shape == (len(instances), *dims)
    assert table.to_instances(batch) == instances


@given(
    instances=st.lists(JSON, max_size=4),
    dtype=st.sampled_from(
        [*sorted(NUMBERS), "uint8", "datetime64[ns]", "bytes", "category", "object"]
    ),
    dims=st.lists(st.sampled_from([None, 1, 2]), max_size=2),
    null=st.booleans(),
)
def test_any_json_is_either_a_batch_or_a_named_refusal(instances, dtype, dims, null):
    batch = collated(array(dtype, *dims), instances, nan_as_null=null)
    assert batch is None or (len(batch) == len(instances) and batch.ndim == 1 + len(dims))


@given(instances=st.lists(JSON, max_size=3), side=st.sampled_from([PERSON, PAIR, OBJECTS]))
def test_any_json_is_a_table_or_a_named_refusal(instances, side):
    batch = collated(side, instances)
    assert batch is None or table.rows(batch) == len(instances)


def test_a_nullable_field_takes_null_and_no_other_does():
    fields = (Field("a", "float64", (None,), is_nullable=True), Field("b", "float64", (None,)))
    side = Side("columns", fields)
    assert Side.from_json(side.to_json()) == side
    assert np.isnan(table.collate(side, [[None, 1]])["a"][0])
    assert np.isnan(table.accept(side, np.array([[np.nan, 1]]))["a"][0])
    assert said(side, [[1, None]]) == "instances[0].b: expected a number, got null."


def test_a_column_that_a_model_takes_as_a_matrix_may_be_spelled_as_a_value():
    fields = (Field("age", "float32", (None, 1)), Field("city", "str", (None, 1)))
    side = Side("tensors", fields)
    bare = table.collate(side, [{"age": 1, "city": "Oslo"}, {"age": 2, "city": "Rome"}])
    listed = table.collate(side, [{"age": [1], "city": ["Oslo"]}, {"age": [2], "city": ["Rome"]}])
    assert bare["age"].tolist() == listed["age"].tolist() == [[1.0], [2.0]]
    assert bare["city"].tolist() == [["Oslo"], ["Rome"]]
    assert table.accept(side, {"age": np.ones(2), "city": np.array(["a", "b"])})["age"].shape == (
        2,
        1,
    )
    assert said(side, [{"age": "x", "city": "y"}]) == (
        'instances[0].age: expected a number, got the string "x".'
    )


def test_times_keep_their_nanoseconds():
    times = ["2024-01-02T03:04:05.123456789", "2024-01-02T03:04:05.1234567", "2024-01-02T03:04:05Z"]
    got = table.collate(array("datetime64[ns]"), times)
    nanoseconds = (got.astype("int64") % 10**9).tolist()
    assert nanoseconds == [123456789, 123456700, 0]


def test_times_of_other_centuries_are_kept_where_there_is_room_for_them():
    time = "3000-01-02T03:04:05.1234567"
    assert table.collate(array("datetime64[us]"), [time]).astype(str).tolist() == [time[:-1]]
    edges = ["1677-09-22T00:00:00", "2262-04-10T23:59:59.999999999"]
    got = table.collate(array("datetime64[ns]"), edges)
    assert got.astype("datetime64[s]").astype(str).tolist() == [each[:19] for each in edges]


@pytest.mark.parametrize("rows", [[2**60, 3.0], [[2**60 + 1, 3], [4.0, 5]]])
def test_whole_numbers_that_no_float_tells_apart_may_stand_beside_floats(rows):
    """One by one they were taken, and together refused."""
    dims = np.shape(rows)[1:]
    made = table.collate(array("int64", *dims), rows)
    assert made.tolist() == np.array(rows, object).astype(object).tolist()
    assert made.dtype == np.int64
    with pytest.raises(InvalidInput, match=r"expected a whole number, got 1\.5"):
        table.collate(array("int64"), [2**60, 1.5])


@pytest.mark.parametrize(
    "output",
    [
        np.array([[1.0, np.nan]]),
        np.array([np.inf], "float32"),
        (np.ones(2), np.array([1.0, np.nan])),
        {"a": np.ones(1), "b": np.array([-np.inf])},
        [1, float("nan")],
        [np.array([1.0]), np.array([np.nan])],
        Fragments.of(b"1,null,", [2, 7], [(1, "said", "told", True)]),
    ],
    ids=type,
)
def test_what_is_not_finite_is_found(output):
    assert not table.is_finite(output)
    assert table.is_finite(table.slice(output, 0, 0))


@pytest.mark.parametrize(
    "output",
    [
        np.array([1.0, 2.0]),
        np.array(["nan"]),
        np.array([1, 2]),
        [{"a": 1}, "nan", None, 2],
        Fragments.of(b"1,2,", [2, 4], []),
        pd.DataFrame({"a": [1.0]}),
    ],
    ids=type,
)
def test_what_is_finite_is_not_doubted(output):
    assert table.is_finite(output)


@pytest.mark.parametrize(
    ("answer", "said"),
    [((np.zeros(5), np.zeros((1, 5))), "rows: 1 and 5."), ({}, "rows: there are none.")],
)
def test_outputs_of_other_numbers_of_rows_are_told_with_the_numbers(answer, said):
    with pytest.raises(PredictionFailed) as caught:
        table.rows(answer)
    assert caught.value.detail.endswith(said)
