"""What models answer with, as the server passes it on: cut into rows, and written as JSON."""

import ml_dtypes
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modelbundle.runtime.data.rows import table
from modelbundle.runtime.frameworks.answer import settled

TEXTS = ["lo", "hi", "lo"]
TABLE = pa.table({"n": [1, 2, 3], "t": TEXTS})
GAPS = np.ma.masked_less([1.5, -1.0, 2.5], 0)


@pytest.mark.parametrize(
    "many", [lambda made: made, lambda made: {"a": made}, lambda made: (made,)]
)
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (pd.Index([1, 2, 3]), [1, 2, 3]),
        (pd.RangeIndex(3), [0, 1, 2]),
        (pd.Categorical(TEXTS), TEXTS),
        (pd.array([1, None, 3], "Int64"), [1, None, 3]),
        (pa.array(TEXTS), TEXTS),
        (pa.chunked_array([[1.5], [2.5, 3.5]]), [1.5, 2.5, 3.5]),
        (GAPS, [1.5, None, 2.5]),
        (GAPS.astype(int), [1, None, 2]),
        (np.array([1, 2, 3], ml_dtypes.bfloat16), [1.0, 2.0, 3.0]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_is_like_a_column_has_rows(many, answer, said):
    made = settled(many(answer))
    parts = [table.slice(made, place, place + 1) for place in range(table.rows(made))]
    rows = [row for part in parts for row in table.to_instances(part, nan_as_null=True)]
    values = [next(iter(row.values())) if isinstance(row, dict) else row for row in rows]
    assert values == said


@pytest.mark.parametrize("answer", [TABLE, TABLE.to_batches()[0]], ids=["table", "batch"])
def test_a_table_of_arrow_has_columns_by_name(answer):
    made = table.slice(settled(answer), 1, 3)
    assert table.to_instances(made) == [{"n": 2, "t": "hi"}, {"n": 3, "t": "lo"}]


def test_rows_that_are_masked_arrays_keep_what_they_lack():
    rows = [GAPS, [GAPS[0], GAPS[1]]]
    assert table.to_instances(rows, nan_as_null=True) == [[1.5, None, 2.5], [1.5, None]]


def test_numbers_that_numpy_does_not_have_have_a_dtype_that_it_has():
    assert settled(np.ones(2, ml_dtypes.float8_e4m3fn)).dtype == np.float32
