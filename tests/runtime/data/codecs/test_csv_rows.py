"""CSV as instances."""

import pytest

from modelbundle.runtime.data.codecs import csv_rows
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.errors import BadPayload, InvalidInput
from modelbundle.runtime.manifests.signature import Field, Side

MATRIX = Side("array", (Field("x", "float64", (None, 2)),))
LINE = Side("array", (Field("x", "int64", (None,)),))
PEOPLE = Side(
    "columns",
    (Field("age", "int64", (None,)), Field("city", "str", (None,)), Field("ok", "bool", (None,))),
)


def test_numbers_become_rows():
    assert csv_rows.loads(b"1,2\r\n3.5,-4e2\r\n", MATRIX) == [[1.0, 2.0], [3.5, -400.0]]


def test_a_single_column_becomes_single_values():
    assert csv_rows.loads(b"1\n2\n", LINE) == [1, 2]


def test_a_line_of_names_above_numbers_is_recognized():
    assert csv_rows.loads(b"a,b\n1,2\n", MATRIX) == [[1.0, 2.0]]


def test_columns_are_found_by_name_in_any_order():
    rows = csv_rows.loads(b'city,ok,age\n"Oslo, N",true,41\n', PEOPLE)
    assert rows == [{"city": "Oslo, N", "ok": True, "age": 41}]


def test_without_names_the_columns_are_those_of_the_signature():
    rows = csv_rows.loads(b"41,Oslo,0\n", PEOPLE)
    assert rows == [{"age": 41, "city": "Oslo", "ok": False}]


def test_the_media_type_can_say_that_the_first_line_is_a_row():
    side = Side("columns", (Field("a", "str", (None,)), Field("b", "str", (None,))))
    assert csv_rows.loads(b"a,b\n", side, "absent") == [{"a": "a", "b": "b"}]
    assert csv_rows.loads(b"a,b\n", side) == []


def test_empty_cells_and_nan_are_missing_values():
    assert csv_rows.loads(b",nan\n", MATRIX) == [[None, None]]


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    assert csv_rows.loads("\ufeffage,city,ok\n1,x,1\n".encode(), PEOPLE)[0]["age"] == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"1,x\n", r"instances\[0\]\[1\]: expected float64, got `x`"),
        (b"1,2\n3,inf\n", r"instances\[1\]\[1\]: expected float64, got `inf`"),
        (b"1_0,2\n", r"instances\[0\]\[0\]: expected float64, got `1_0`"),
        ("1,\u0662\n".encode(), r"instances\[0\]\[1\]: expected float64, got `\u0662`"),
        (b"1;2\n", r"instances\[0\]\[0\]: expected float64, got `1;2`"),
        (b'{"instances": [[1, 2]]}', r"instances\[0\]\[0\]: expected float64"),
    ],
)
def test_a_wrong_value_is_named(body, said):
    with pytest.raises(InvalidInput, match=said):
        csv_rows.loads(body, MATRIX)


def test_a_row_of_another_width_is_named():
    with pytest.raises(InvalidInput, match=r"instances\[1\]: expected 3 values, got 2"):
        csv_rows.loads(b"1,Oslo,1\n2,Rome\n", PEOPLE)


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b'"open',
        b"",
        b"\r\n",
        b"age,city,ok,age\n1,Oslo,1,2\n",
        b"age,age,city,ok\n1,2,x,1\n",
    ],
)
def test_what_is_not_csv_is_refused(body):
    with pytest.raises(BadPayload):
        csv_rows.loads(body, PEOPLE)


def test_of_a_text_that_is_too_long_for_a_cell_the_way_out_is_told():
    side = Side("array", (Field("text", "str", (None,)),))
    assert csv_rows.loads(b"a" * 131_072, side) == ["a" * 131_072]
    with pytest.raises(BadPayload, match="more than 131072 characters: send JSON"):
        csv_rows.loads(b"a" * 131_073, side)


def test_booleans_of_which_some_are_missing_are_booleans():
    """They came as the texts that they are written in, which is another answer, or none."""
    side = Side("columns", (Field("ok", "bool", (None,), is_nullable=True),))
    rows = csv_rows.loads(b"ok\ntrue\n0\n \n", side, "present")
    assert rows == [{"ok": True}, {"ok": False}, {"ok": None}]
    assert table.gather(side, rows)["ok"].tolist() == [True, False, None]
    with pytest.raises(InvalidInput, match=r"instances\[0\].ok: expected bool, got `x`"):
        csv_rows.loads(b"ok\nx\n", side, "present")


MIXED = Side(
    "columns",
    (
        Field("n", "int64", (None,)),
        Field("x", "float64", (None,), is_nullable=True),
        Field("t", "datetime64[us]", (None,), is_nullable=True),
        Field("s", "str", (None,)),
    ),
)


def test_whole_numbers_that_were_written_as_floats_are_whole():
    """As pandas and spreadsheets write a column that once lacked a value; in JSON 41.0 is 41."""
    rows = csv_rows.loads(b"41.0,1,2024-01-01,a\n4e1,2,2024-01-01,b\n", MIXED)
    assert table.gather(MIXED, rows)["n"].tolist() == [41, 40]
    rows = csv_rows.loads(b"9007199254740993,1,2024-01-01,a\n", MIXED)
    assert table.gather(MIXED, rows)["n"].tolist() == [2**53 + 1]
    with pytest.raises(InvalidInput, match=r"instances\[0\].n: expected a whole number, got 41.5"):
        table.gather(MIXED, csv_rows.loads(b"41.5,1,2024-01-01,a\n", MIXED))


@pytest.mark.parametrize("cell", ["NA", "N/A", "<NA>", "null", "NULL", "None", " nan ", "NaN", ""])
def test_what_programs_write_for_a_missing_value_is_one(cell):
    body = f"1,{cell},NaT,NA\n1,{cell},NA,NA\n".encode()
    rows = csv_rows.loads(body, MIXED)
    assert [(row["x"], row["t"], row["s"]) for row in rows] == [(None, None, "NA")] * 2


def test_there_may_be_space_around_a_time():
    assert csv_rows.loads(b"1, 2, 2024-01-01 , a \n", MIXED)[0]["t"] == "2024-01-01"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("n,x,t", "field `s` is missing"),
        ("n,x,t,s,z", "unknown field `z`"),
        ("n,x,t,ss", "unknown field `ss`; did you mean `s`"),
        (",n,x,t,s", r"A column has no name.*to_csv\(index=False\)"),
    ],
)
def test_a_line_with_most_of_the_names_is_one_of_names(names, said):
    row = ",".join("1" for _ in names.split(","))
    with pytest.raises(InvalidInput, match=said):
        table.gather(MIXED, csv_rows.loads(f"{names}\n{row}\n".encode(), MIXED))


def test_names_that_differ_in_space_alone_are_two():
    side = Side("columns", (Field("a", "int64", (None,)), Field(" a ", "int64", (None,))))
    assert csv_rows.loads(b" a ,a\n1,2\n", side) == [{" a ": 1, "a": 2}]
