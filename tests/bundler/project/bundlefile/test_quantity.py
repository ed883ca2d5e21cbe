"""Durations, sizes and user numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from modelbundle.bundler.project.bundlefile import quantity
from modelbundle.bundler.project.bundlefile.quantity import duration_text, size_text


def read(kind, value):
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("25ms", 0.025), ("30s", 30), ("1m", 60), ("2 min", 120), ("1.5 s", 1.5), ("0s", 0), ("24h", 86400), ("5us", 5e-6)],
)  # fmt: skip
def test_a_duration_is_seconds(text, seconds):
    assert read(quantity.Duration, text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1B", 1),
        ("16MiB", 16 << 20),
        ("1 GB", 10**9),
        ("1.5KiB", 1536),
        ("3kB", 3000),
        ("3KB", 3000),
    ],
)
def test_a_size_is_bytes(text, size):
    assert read(quantity.Size, text) == size


@pytest.mark.parametrize(
    ("kind", "value"),
    [(quantity.Duration, value) for value in
     [30, 0.5, True, None, [], "", "s", "30", "-1s", "1e3s", "25 h", "1d", "ms25", "1s ", "nan s", "9" * 50 + "s"]]
    + [(quantity.SomeDuration, "0s")]
    + [(quantity.Size, value) for value in
       [16, "16", "0B", "16mb", "16M", "1TiB", "MiB", "-1B", "1  B", None, False, {}]]
    + [(quantity.User, value) for value in
       [0, "0", "0:0", "root", "1000:root", -1, 2**31, "1:2:3", "", None, True, 1.5, "1 ", [1]]]
    + [(quantity.Port, value) for value in [0, 65536, "80", True, 80.5, None]]
    + [(quantity.Count, value) for value in [0, -1, "1", 1.5, True, 10**9]]
    + [(quantity.Warmup, value) for value in [0, "on", True, 1.5, None, 10**9, "32"]],
)  # fmt: skip
def test_what_is_no_quantity_is_refused_in_one_line(kind, value):
    with pytest.raises(ValidationError) as caught:
        read(kind, value)
    (error,) = caught.value.errors(include_url=False)
    assert len(error["msg"].splitlines()) == 1


@pytest.mark.parametrize(
    ("value", "user"), [(65532, "65532"), ("1000", "1000"), ("1000:0", "1000:0"), ("007", "7")]
)
def test_a_user_is_a_number_other_than_root(value, user):
    assert read(quantity.User, value) == user


@given(st.integers(0, 86_400_000_000))
def test_a_duration_reads_as_it_is_written(microseconds):
    seconds = microseconds / 1e6
    assert read(quantity.Duration, duration_text(seconds)) == pytest.approx(seconds, abs=1e-9)


@given(st.integers(1, 10**12 - 1))
def test_a_size_reads_as_it_is_written(size):
    assert read(quantity.Size, size_text(size)) == size
