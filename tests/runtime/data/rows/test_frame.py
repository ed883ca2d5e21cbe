"""Columns become one DataFrame in the model's process: the same as many that are joined."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.data.rows import frame, table
from modelbundle.runtime.manifests.signature import Field, Side

TEXTS = st.text("abz é", max_size=3)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)
VALUES = {
    "object": [
        st.integers(-3, 3),
        st.integers(2**63, 2**64 - 1),
        NUMBERS,
        TEXTS,
        st.booleans(),
        st.none(),
        st.lists(st.integers(0, 2), max_size=2),
    ],
    "str": [TEXTS, st.none()],
    "category": [TEXTS, st.none(), st.integers(0, 3)],
    "float64": [NUMBERS, st.none()],
    "int32": [st.integers(-9, 9)],
    "bool": [st.booleans()],
    "datetime64[ns]": [st.sampled_from(["2024-02-29", "1999-12-31T23:59:59"]), st.none()],
    "datetime64[ns, UTC]": [st.sampled_from(["2024-02-29T01:00:00+01:00", "2000-01-01"])],
}


@st.composite
def requests(draw):
    """A side of several columns, and the instances of a few requests."""
    dtypes = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4))
    fields = tuple(Field(f"c{i}", dtype, (None,), True) for i, dtype in enumerate(dtypes))
    rows = st.lists(
        st.tuples(*(st.one_of(*VALUES[dtype]) for dtype in dtypes)).map(list),
        min_size=1,
        max_size=3,
    )
    return Side("columns", fields), draw(st.lists(rows, min_size=1, max_size=5))


@given(requests())
def test_columns_that_share_a_call_make_the_frame_that_joined_frames_would_be(given):
    """Bit for bit, dtypes included, whatever the requests bring."""
    side, pieces = given
    lanes = {}
    for piece in pieces:
        key = table.key(side, table.gather(side, piece, nan_as_null=True))
        lanes.setdefault(key, []).append(piece)
    for alike in lanes.values():
        gathered = [table.gather(side, piece, nan_as_null=True) for piece in alike]
        whole = table.assemble(side, table.concat(gathered))
        at_once = table.collate(side, [row for piece in alike for row in piece], nan_as_null=True)
        pd.testing.assert_frame_equal(whole, at_once, check_exact=True)
        joined = table.concat([table.assemble(side, arrays) for arrays in gathered])
        # Joined categories of whole numbers become floats where one is missing; ours do not.
        plain = dict.fromkeys(whole.select_dtypes("category"), object)
        pd.testing.assert_frame_equal(
            whole.astype(plain).fillna(dict.fromkeys(plain, -1)),
            joined.astype(plain).fillna(dict.fromkeys(plain, -1)),
            check_exact=True,
        )


@given(requests())
def test_what_frames_would_not_share_columns_do_not_share_either(given):
    """The key tells apart whatever pandas gives different dtypes."""
    side, pieces = given
    seen = {}
    for piece in pieces:
        arrays = table.gather(side, piece, nan_as_null=True)
        dtypes = tuple(map(str, table.assemble(side, arrays).dtypes))
        assert seen.setdefault(table.key(side, arrays), dtypes) == dtypes


def test_numbers_of_two_kinds_stay_apart():
    """1 and 2.5 in one column would both be floats."""
    field = Field("x", "object", (None,))
    kinds = [frame.kind(field, np.array(values, object)) for values in ([1], [2.5], [True], ["a"])]
    assert len(set(kinds)) == 4
