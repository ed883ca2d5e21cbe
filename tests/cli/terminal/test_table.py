"""A table on a terminal of any width."""

from hypothesis import given
from hypothesis import strategies as st

from modelbundle.cli.terminal import table

COLUMNS = ("NAME", "WHAT")


def test_columns_are_aligned_and_lines_have_no_tails():
    assert list(table.lines(COLUMNS, [("a", "one"), ("abcdef", "")])) == [
        "NAME     WHAT",
        "a        one",
        "abcdef",
    ]


def test_a_narrow_terminal_folds_between_words_and_keeps_the_first_column():
    found = list(table.lines(COLUMNS, [("long-name:1", "three little words")], 30))

    assert found == ["NAME          WHAT", "long-name:1   three little", "              words"]


def test_a_heading_is_never_folded():
    found = list(table.lines(("TAG", "FRAMEWORK"), [("iris:1", "sklearn")], 12))

    assert found == ["TAG      FRAMEWORK", "iris:1   sklearn"]


def test_wide_characters_take_two_columns():
    assert list(table.lines(COLUMNS, [("東京", "x"), ("ab", "y")]))[1:] == [
        "東京   x",
        "ab     y",
    ]


WORDS = st.text("ab ", max_size=30)


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1), st.integers(1, 60))
def test_no_letter_is_lost_at_any_width(rows, width):
    text = "\n".join(table.lines(COLUMNS, rows, width))

    assert sorted(text.replace(" ", "").replace("\n", "")) == sorted(
        "".join("".join(row) for row in [COLUMNS, *rows]).replace(" ", "")
    )
