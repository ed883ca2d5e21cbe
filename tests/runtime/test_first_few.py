"""Tests of names in a sentence."""

from modelbundle.runtime.first_few import first_few


def test_names_have_commas_between():
    assert first_few(["a", "b"], 2) == "a, b"
    assert first_few(["a", 1], 2, "`") == "`a`, `1`"
    assert first_few([], 2) == ""


def test_of_many_names_the_rest_is_counted():
    assert first_few(["a", "b", "c", "d"], 2) == "a, b and 2 more"
