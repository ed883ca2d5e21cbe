"""Errors that another process has told of."""

import pytest

from modelbundle.runtime.errors import Overloaded, RequestError, raised_elsewhere


def test_an_error_is_of_its_own_class_again():
    error = raised_elsewhere("Overloaded", 503, "full", 2.0)
    assert type(error) is Overloaded
    assert (error.status, error.detail, error.retry_after) == (503, "full", 2.0)


@pytest.mark.parametrize("name", ["NoFunds", "BundleError", "Any", "__doc__", None, ["Overloaded"]])
def test_of_a_class_that_is_not_known_there_are_status_and_words(name):
    error = raised_elsewhere(name, 402, "no funds", None)
    assert type(error) is RequestError
    assert (error.status, error.detail, error.retry_after) == (402, "no funds", None)
