"""Errors after which a process cannot use its GPU any more."""

import pytest

from modelbundle.runtime.remote.lost_device import is_lost


@pytest.mark.parametrize(
    "told",
    [
        "CUDA error: device-side assert triggered\nCUDA kernel errors might be reported later.",
        "CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; hostname=a",
        "[12:00:00] /ws/src/c_api.cu:12: cudaErrorLaunchFailure: unspecified launch failure",
    ],
)
def test_what_cuda_keeps_is_known_in_the_words_of_each_library(told):
    assert is_lost(RuntimeError(told))
    assert is_lost(ValueError(told))


@pytest.mark.parametrize(
    "told",
    [
        "CUDA out of memory. Tried to allocate 2 GiB.",
        "illegal memory access",
        "CUDA is not here",
        "",
    ],
)
def test_what_the_next_call_may_survive_is_not_it(told):
    assert not is_lost(RuntimeError(told))
    assert not is_lost(None)


def test_what_an_error_was_raised_from_counts():
    error, cause = ValueError("no answer"), RuntimeError("CUDA error: misaligned address")
    error.__cause__ = cause
    assert is_lost(error)


def test_a_circle_of_causes_is_no_way_round_for_ever():
    error, cause = ValueError("no answer"), RuntimeError("CUDA went")
    error.__cause__, cause.__cause__ = cause, error
    assert not is_lost(error)
