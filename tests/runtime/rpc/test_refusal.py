import orjson
import pytest

from modelbundle.runtime.dialects.reply import error_headers
from modelbundle.runtime.errors import InvalidInput, Overloaded, RequestError
from modelbundle.runtime.rpc import refusal


class Teapot(RequestError):
    """An author's own."""

    status = 418


@pytest.mark.parametrize(
    "error", [InvalidInput("a: no."), Overloaded("Full.", retry_after=2.5), Teapot("Short \ud800.")]
)
def test_status_detail_and_time_survive(error):
    found, rows = refusal.decode(refusal.encode(error, 3))
    assert (found.status, found.retry_after, rows) == (error.status, error.retry_after, 3)
    assert found.detail == error.detail.replace("\ud800", "?")
    assert type(found) is (RequestError if isinstance(error, Teapot) else type(error))
    assert found.headers == {}


def test_headers_survive_but_those_that_no_answer_may_have():
    error = Teapot("Short.")
    error.headers = {
        "WWW-Authenticate": "Bearer", "X-Count": 3, "x-two": "a\r\nset-cookie: b", "a b": "c",
        "content-length": "0", "Connection": "close", "x-far": "\u0142",
    }  # fmt: skip
    found, _ = refusal.decode(refusal.encode(error, 0))
    assert found.headers == {"www-authenticate": "Bearer", "x-count": "3"}
    assert error_headers(found) == ((b"www-authenticate", b"Bearer"), (b"x-count", b"3"))
    assert error_headers(error) == error_headers(found)


@pytest.mark.parametrize("status", [302, "402", 600, None])
def test_an_error_whose_class_was_given_another_status_is_told_as_one_of_the_server(
    status, monkeypatch
):
    """What no service says ends its process, and the calls of others with it."""
    error = Teapot("Short.")
    monkeypatch.setattr(Teapot, "status", status)
    found, _ = refusal.decode(refusal.encode(error, 0))
    assert (found.status, found.detail) == (500, "Short.")


@pytest.mark.parametrize(
    "told",
    [
        ["InvalidInput", 200, "a", None, 1, {}],
        ["InvalidInput", "422", "a", None, 1, {}],
        ["InvalidInput", 422, 3, None, 1, {}],
        ["InvalidInput", 422, "a", "soon", 1, {}],
        ["InvalidInput", 422, "a", None, -1, {}],
        ["InvalidInput", 422, "a", None, 1.0, {}],
        ["InvalidInput", 399, "a", None, 1, {}],
        ["InvalidInput", 600, "a", None, 1, {}],
        ["InvalidInput", 422, "a"],
        {"status": 422},
    ],
)
def test_what_no_service_of_ours_says_is_not_believed(told):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong, it is not passed on
        refusal.decode(orjson.dumps(told))


@pytest.mark.parametrize("status", [400, 599])
def test_what_every_error_may_say_is_believed(status):
    found, rows = refusal.decode(orjson.dumps(["Teapot", status, "", 0, 0, {}]))
    assert (found.status, found.detail, found.retry_after, rows) == (status, "", 0, 0)


def test_a_name_that_is_no_error_of_ours_is_just_an_error():
    found, _ = refusal.decode(orjson.dumps(["Mapping", 422, "a", None, 1, {}]))
    assert type(found) is RequestError
