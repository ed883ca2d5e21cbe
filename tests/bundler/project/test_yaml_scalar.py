"""Plain scalars are what YAML 1.2 says, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.project.yaml_scalar import HIDDEN, Unclear, resolve, shown


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("False", False),
        ("0", 0), ("-12", -12), ("+3", 3), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("3.10", 3.1),
        ("yes", "yes"), ("No", "No"), ("on", "on"), ("off", "off"), ("y", "y"),
        ("2026-08-01", "2026-08-01"), ("3.10.4", "3.10.4"), ("1.2.3", "1.2.3"), ("nan", "nan"),
        ("iris:1.4", "iris:1.4"), ("8080/tcp", "8080/tcp"), ("0.0.0.0", "0.0.0.0"), ("-", "-"),
    ],
)  # fmt: skip
def test_a_scalar_means_what_yaml_1_2_says(text, value):
    resolved = resolve(text)
    assert resolved == value
    assert type(resolved) is type(value)


@pytest.mark.parametrize(
    "text",
    ["0123", "08", "0o17", "0x1F", "0b1", "1_000", "1_0.5", "22:22", "1:30:00", ".inf", "-.INF",
     ".nan", "1e999", "9" * 30, "9" * 100_000, "1" + "_1" * 50_000, "0.1" + "0" * 50],
)  # fmt: skip
def test_a_scalar_in_doubt_is_refused(text):
    with pytest.raises(Unclear):
        resolve(text)


@given(st.text(max_size=80))
def test_any_text_is_a_scalar_or_unclear(text):
    try:
        value = resolve(text)
    except Unclear:
        return
    assert value is None or isinstance(value, str | int | float)
    assert not isinstance(value, str) or value == text


@given(st.text(max_size=100))
def test_what_is_shown_stands_on_one_line_and_hides_nothing(text):
    line = shown(text)
    assert "\n" not in line
    assert "\t" not in line
    assert not HIDDEN.search(line)
