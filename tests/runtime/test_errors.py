"""Errors of authors, and those that another process has told of."""

from http import HTTPStatus

import numpy as np
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


@pytest.mark.parametrize("status", [302, 399, 600, "402", None, 402.0])
def test_a_class_whose_status_is_none_of_an_error_is_refused_where_it_stands(status):
    """No client could be told, and the front took the service for one that has gone mad."""
    with pytest.raises(TypeError, match=r"`Odd\.status` is .*; an error has one from 400 to 599"):
        type("Odd", (RequestError,), {"status": status})
    assert type("Teapot", (RequestError,), {"status": HTTPStatus.IM_A_TEAPOT}).status == 418


@pytest.mark.parametrize("after", ["soon", [1]])
def test_a_time_that_is_none_is_refused_where_it_is_raised(after):
    with pytest.raises((TypeError, ValueError)):
        RequestError("Later.", retry_after=after)


@pytest.mark.parametrize(
    ("after", "told"),
    [(float("inf"), 366 * 86400), (1e300, 366 * 86400), (float("nan"), 0), (-1, 0), (1.5, 1.5)],
)
def test_a_time_is_one_that_a_header_can_say(after, told):
    assert RequestError("Later.", retry_after=after).retry_after == told


def test_what_an_author_gives_for_words_and_seconds_is_made_both():
    error = RequestError({"limit": 3}, retry_after=np.float64(2))
    assert (error.detail, type(error.retry_after)) == ("{'limit': 3}", float)


@pytest.mark.parametrize("status", [302, 600, "402", None, 402.0, np.int64(402)])
def test_an_error_is_given_no_status_that_is_none(status):
    """Its author sets it, so its author hears of it: with threads it would reach the client."""
    error = Overloaded("Full.")
    with pytest.raises(TypeError, match="The status of an error is"):
        error.status = status
    assert error.status == 503


def test_what_an_error_is_given_later_can_be_told_as_well():
    error = RequestError("Later.")
    error.status, error.detail, error.retry_after = HTTPStatus.IM_A_TEAPOT, {"a": 1}, np.float32(-2)
    assert (error.status, error.detail, error.retry_after) == (418, "{'a': 1}", 0.0)
    assert type(error.retry_after) is float
    with pytest.raises(ValueError, match="soon"):
        error.retry_after = "soon"
