"""Content types by their names, and what an Accept header wants."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.data import media
from modelbundle.runtime.data.media import ARROW, CSV, JSON, NPY, NPZ, PARQUET
from modelbundle.runtime.errors import NotAcceptable

OFFERED = (JSON, NPY, NPZ, CSV, ARROW, PARQUET)


@pytest.mark.parametrize(
    ("accept", "first"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("*", JSON),
        ("text/html, image/gif, *; q=.2", JSON),
        ("application/*", JSON),
        ("text/*", CSV),
        (NPY, NPY),
        ("application/npy, */*", NPY),
        (f"{JSON}, {NPY}", JSON),
        (f"{NPY}, {JSON}", NPY),
        (f"{JSON};q=0.5, {PARQUET}", PARQUET),
        (f"{JSON};q=0.5,{CSV};q=0.6,{ARROW};q=0.55", CSV),
        (f"{NPY};q=0, */*", JSON),
        (f"{JSON};q=0, */*", NPY),
        ("*/*;q=0.1, application/*;q=0.2, text/csv;q=0.3", CSV),
        (f"{NPY} ; Q=1 , {JSON}", NPY),
        (f"{NPY};q=nonsense, {JSON};q=0.9", NPY),
        ("application/vnd.own+json", JSON),
    ],
)
def test_what_is_wanted_most_comes_first(accept, first):
    assert media.ranked(accept, OFFERED)[0] == first


@pytest.mark.parametrize("accept", ["text/html", f"{JSON};q=0", "image/*", "*/*;q=0", "nonsense"])
def test_who_takes_nothing_of_it_is_told_what_there_is(accept):
    assert media.ranked(accept, OFFERED) == []
    with pytest.raises(NotAcceptable, match="there is `application/json`"):
        media.check(accept, OFFERED)


@given(st.text(max_size=200))
def test_any_header_ranks_some_of_what_is_offered(accept):
    ranked = media.ranked(accept, OFFERED)
    assert len(set(ranked)) == len(ranked)
    assert set(ranked) <= set(OFFERED)


def test_a_parameter_is_read_with_and_without_quotes():
    assert media.parameter('a/b; Boundary="x y"; c=d', "boundary") == "x y"
    assert media.parameter("a/b;boundary=x", "boundary") == "x"
    assert media.parameter("a/b", "boundary") is None
