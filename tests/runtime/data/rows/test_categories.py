"""Categories: a column has the same ones whatever values a request brings."""

import numpy as np
import pandas as pd
import pytest

from modelbundle.runtime.data.rows import schema, table
from modelbundle.runtime.errors import InvalidInput
from modelbundle.runtime.manifests.signature import Field, Side

SIZES = Field("size", "category", (None,), categories=("small", "mid", "large"))
ORDERED = Field("size", "category", (None,), True, (), ("small", "mid", "large"), True)


def column(field, *values):
    return table.collate(Side("columns", (field,)), [{"size": value} for value in values])["size"]


def test_codes_are_those_of_the_sample():
    assert column(SIZES, "large").cat.codes.tolist() == [2]
    none = Field("size", "category", (None,), True, (), SIZES.categories)
    assert column(none, None).cat.categories.tolist() == ["small", "mid", "large"]


def test_numbers_and_booleans_keep_their_kind():
    years = Field("size", "category[int64]", (None,), categories=(2022, 2020))
    assert column(years, 2020.0).cat.codes.tolist() == [1]
    flags = Field("size", "category[bool]", (None,), categories=(False, True))
    assert column(flags, True).cat.codes.tolist() == [1]


def test_others_come_behind_and_alone():
    """They are categories of a whole table, so rows of other requests are in none with them."""
    assert column(SIZES, "tiny", "large").cat.codes.tolist() == [3, 2]
    side = Side("columns", (SIZES,))
    keys = [
        table.key(side, {"size": np.array([value], object)})
        for value in ("small", "large", "tiny", "huge")
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_ordered_ones_can_be_compared_and_there_are_no_others():
    assert (column(ORDERED, "large", "small", None) >= "mid").tolist() == [True, False, False]
    wanted = r"instances\[1\]\.size: expected one of small, mid, large, got the string \"tiny\"\."
    with pytest.raises(InvalidInput, match=wanted):
        column(ORDERED, "mid", "tiny")
    arrays = {"size": np.array(["mid", "tiny"], object)}
    with pytest.raises(InvalidInput, match=wanted):
        table.accept(Side("columns", (ORDERED,)), arrays)
    told = schema.record(Side("columns", (ORDERED,)))["properties"]["size"]
    assert told == {"enum": ["small", "mid", "large", None]}


def test_what_is_written_is_read():
    for field in (SIZES, ORDERED):
        assert Field.from_json(field.to_json()) == field
    with pytest.raises(ValueError, match="categories of 'size' are none"):
        Field.from_json(SIZES.to_json() | {"categories": [[]]})


def test_tables_of_the_same_categories_keep_them():
    joined = table.concat(
        [pd.DataFrame({"size": column(SIZES, each)}) for each in ("mid", "small")]
    )
    assert joined["size"].cat.codes.tolist() == [1, 0]
