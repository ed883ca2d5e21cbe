"""What the contract says of CSV, and what the server takes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbundle.runtime.data.codecs.csv_schema import csv_schema, form_schema, is_of_cells
from modelbundle.runtime.data.payload import Codec, media_of
from modelbundle.runtime.data.rows.table import rows
from modelbundle.runtime.manifests.signature import OBJECTS, Field, Side

SIDES = [
    Side("array", (Field("x", "float32", (None, 3)),)),
    Side("array", (Field("x", "int8", (None,)),)),
    Side("array", (Field("x", "float16", (None, 1)),)),
    Side("tensors", (Field("a", "uint16", (None,)), Field("b", "bool", (None,)))),
    Side(
        "columns",
        (
            Field("age", "int64", (None,)),
            Field('said "so", twice', "str", (None,)),
            Field("at", "datetime64[ns]", (None,)),
            Field("share", "float64", (None,), is_nullable=True),
        ),
    ),
    Side(
        "columns",
        (
            Field("kind", "category", (None,)),
            Field("zone", "category[int64]", (None,), is_nullable=True),
            Field("ok", "bool", (None,), is_nullable=True),
            Field("any", "object", (None,)),
            Field("since", "datetime64[us]", (None,)),
        ),
    ),
    Side("tensors", (Field("b", "bytes", (None,)), Field("n", "int32", (None, 1)))),
]


@pytest.mark.parametrize("side", SIDES, ids=lambda side: side.layout + side.fields[0].dtype)
@settings(max_examples=35)  # texts for a pattern take long to make, and have few kinds of cells
@given(data=st.data())
def test_whatever_the_contract_promises_is_taken(side, data):
    text = data.draw(st.from_regex(csv_schema(side)["pattern"], fullmatch=True))
    assert rows(Codec(side, max_rows=1 << 20).decode(text.encode(), "text/csv")) >= 1


@pytest.mark.parametrize(
    ("side", "text", "fits"),
    [
        (SIDES[0], "1,2.5,-3e4", True),
        (SIDES[0], "1,2.5,-3\r\n4,5,6\r\n", True),
        (SIDES[0], "1,2", False),
        (SIDES[0], "", False),
        (SIDES[0], "a,b,c", False),
        (SIDES[4], 'age,"said ""so"", twice",at,share\n41,x,2026-11-21,0.5', True),
        (SIDES[4], "41,x,2026-11-21", False),
    ],
)
def test_a_body_is_told_from_what_is_none(side, text, fits):
    assert bool(re.search(csv_schema(side)["pattern"], text)) is fits


@pytest.mark.parametrize(
    "side",
    [
        Side("array", (Field("x", "float32", (None, None)),)),
        Side("array", (Field("x", "float32", (None, 2, 2)),)),
        Side("columns", (Field("c", "complex64", (None,)),)),
    ],
    ids=["any width", "matrices", "complex"],
)
def test_what_no_pattern_tells_is_only_not_empty(side):
    assert csv_schema(side) == {"type": "string", "minLength": 1}


@pytest.mark.parametrize(
    ("side", "is_so"),
    [
        *((side, True) for side in SIDES),
        (Side("array", (Field("x", "float32", (None, None)),)), True),
        (Side("array", (Field("x", "float32", (None, 2, 2)),)), False),
        (Side("tensors", (Field("x", "int8", (None,)), Field("y", "int8", (None, 2)))), False),
        (OBJECTS, False),
    ],
)
def test_csv_is_announced_where_every_value_can_be_a_cell(side, is_so):
    """It was for pictures and tensors, too, of which no line was ever taken."""
    assert is_of_cells(side) is is_so
    assert ("text/csv" in media_of(side, ())) is is_so


def test_a_form_takes_any_text_and_nothing_where_a_value_may_be_missing():
    """As the server does."""
    fields = form_schema(SIDES[5])["properties"]
    assert fields["kind"] == fields["any"] == {"type": "string"}
    for name in ("zone", "ok"):
        assert re.search(fields[name]["pattern"], "")
    assert not re.search(fields["since"]["pattern"], "")
    assert not re.search(fields["zone"]["pattern"], "x")
