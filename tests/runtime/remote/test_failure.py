"""What a model raised is the same in the next process, as far as anybody looks."""

import pytest

from modelbundle.runtime.batching.execution.executor import WrongLength
from modelbundle.runtime.batching.execution.out_of_memory import is_out_of_memory
from modelbundle.runtime.errors import InvalidInput, Overloaded, RequestError
from modelbundle.runtime.remote import failure


class Teapot(RequestError):
    """Of an author's own."""

    status = 418


class Mute(RuntimeError):
    def __str__(self):
        raise ValueError


class OutOfMemoryError(RuntimeError):
    """As torch has one."""


def sent(error):
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - whatever it is
        throw(error)
    return failure.decode(failure.encode(raised.value))


def throw(error):
    raise error


@pytest.mark.parametrize(
    "error",
    [InvalidInput("instances: é"), Overloaded("Not now.", retry_after=2.5), Teapot("I am short.")],
)
def test_an_error_of_the_request_keeps_its_status_its_words_and_its_class(error):
    """A class that only the model knows becomes the nearest that everybody does."""
    got = sent(error)
    assert isinstance(got, RequestError)
    assert (got.status, got.detail, got.retry_after) == (
        error.status,
        error.detail,
        error.retry_after,
    )
    assert type(got) is type(error) or type(error) is Teapot


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (MemoryError(), True),
        (OutOfMemoryError("CUDA"), True),
        (RuntimeError("Failed to allocate memory for requested buffer"), True),
        (ValueError("out of memory"), False),
        (KeyError("x"), False),
        (SystemExit(3), False),
    ],
)
def test_whether_less_would_do_is_known_on_the_other_side(error, is_memory):
    """Batches are halved there."""
    got = sent(error)
    assert is_out_of_memory(error) == is_out_of_memory(got) == is_memory
    assert not isinstance(got, RequestError)


def test_the_log_gets_the_class_the_words_and_the_place():
    """The traceback of the model's process is a note."""
    got = sent(ValueError("no such thing"))
    assert str(got) == "ValueError: no such thing"
    assert "test_failure.py" in got.__notes__[0]
    assert isinstance(sent(WrongLength(3, 2)), WrongLength)


@pytest.mark.parametrize("error", [Mute(), ValueError("\ud800"), ValueError("a" * 10**6)])
def test_no_error_is_too_odd_to_be_told(error):
    """Neither one without a text, nor half a character, nor a million of them."""
    assert len(str(sent(error))) < 10_000
