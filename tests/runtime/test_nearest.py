"""Tests of the name that was probably meant."""

from modelbundle.runtime.nearest import did_you_mean, nearest


def test_the_name_that_is_most_like_it():
    assert nearest("iriss", {"wine", "iris"}) == "iris"
    assert did_you_mean("iriss", ["wine", "iris"]) == "Did you mean `iris`?"


def test_none_where_none_is_like_it():
    assert nearest("fraud", ["wine", "iris"]) is None
    assert did_you_mean("fraud", []) is None


def test_of_a_very_long_name_only_the_start_is_compared():
    """A client chooses the names of its fields; all of it would take long."""
    assert nearest("a" * 80 + "x" * 1_000_000, ["a" * 80]) == "a" * 80
