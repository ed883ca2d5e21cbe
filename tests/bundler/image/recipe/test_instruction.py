"""Instructions: no value can end its quotes, its line or its instruction."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelbundle.bundler.errors import BuildError
from modelbundle.bundler.image.recipe.instruction import check_lines, listed, pairs, quote

from ..dockerfile_reader import logical_lines, read

SAYABLE = st.text(
    st.characters(
        exclude_categories=["Cs"],
        exclude_characters=[*map(chr, range(9)), *map(chr, range(10, 32)), "\x7f"],
    )
)
HOSTILE = st.lists(
    st.sampled_from(
        [
            "\\",
            '"',
            "'",
            "$",
            "`",
            "$(id)",
            "${HOME}",
            "$HOME",
            " ",
            "\t",
            "#",
            "=",
            "\\\\",
            "é",
            "\u2028",
            "<<EOF",
            "a",
        ]
    )
).map("".join)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)


@given(
    st.dictionaries(NAMES, SAYABLE | HOSTILE, min_size=1, max_size=4),
    st.sampled_from(["ENV", "LABEL"]),
)
@example({"A": "\\"}, "ENV")
@example({"A": 'x" B="y'}, "LABEL")
@example({"A": "x \\", "B": "# no comment"}, "LABEL")
def test_every_value_arrives_as_it_is(values, instruction):
    """Whatever the value, Docker's rules give it back, and nothing beside it."""
    written = f"FROM x\n{pairs(instruction, values)}\nUSER 1\n"
    assert read(written) == [(instruction, values)]


@given(
    st.dictionaries(
        st.text("ab.$\"'\\#`é", min_size=1, max_size=6), HOSTILE, min_size=1, max_size=3
    )
)
def test_names_are_quoted_too(values):
    """The name of a label is no way in either."""
    assert read(pairs("LABEL", values) + "\n") == [("LABEL", values)]


@pytest.mark.parametrize("text", ["a\nUSER root", "a\r", "\0", "\x1b[31m", "\x7f", "\ud800"])
def test_what_no_containerfile_can_say_is_refused(text):
    """A line break would begin an instruction; it is refused instead."""
    with pytest.raises(BuildError):
        quote(text)


@pytest.mark.parametrize("name", ["", "a=b", "a b", "a\tb", "a\n"])
def test_a_name_that_would_end_early_is_refused(name):
    """`=` and white space divide names from values."""
    with pytest.raises(BuildError):
        pairs("LABEL", {name: "x"})


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])) | HOSTILE, max_size=4))
def test_exec_form_is_one_line_of_json(words):
    """A line break inside a word cannot become one of the file, nor a backslash continue it."""
    (line,) = logical_lines(listed("RUN", words))
    assert json.loads(line.removeprefix("RUN ")) == words


def test_a_line_that_docker_would_not_read_is_refused():
    """Docker's reader stops at 65,535 bytes with an error that names nothing."""
    with pytest.raises(BuildError, match="longer than"):
        check_lines(pairs("ENV", {"A": "x" * 70_000}))
    with pytest.raises(BuildError, match="longer than"):  # a line end for Python, not for Docker
        check_lines(pairs("ENV", {"A": "x" * 40_000 + "\u2028" + "x" * 40_000}))
    assert check_lines(pairs("ENV", {"A": "x" * 60_000}))
