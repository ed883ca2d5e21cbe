"""Which Pythons `requires-python` allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.declared import python_range


@pytest.mark.parametrize(
    ("wanted", "python", "is_allowed"),
    [
        ("", "3.11", True), (">=3.10", "3.11", True), (">=3.12", "3.11", False),
        (">=3.11.4", "3.11", True), (">=3.11.4", "3.11.2", False), ("<3.11", "3.11", False),
        ("<3.13,>=3.10", "3.12", True), ("==3.11.*", "3.11", True), ("==3.12.*", "3.11", False),
        ("!=3.11.*", "3.11", False), ("!=3.11.0", "3.11", True), ("~=3.10", "3.13", True),
        ("~=3.10", "4.0", False), ("~=3.11.4", "3.12", False), (">3.11", "3.11", True),
        ("==3.11.9", "3.11.9", True), ("==3.11", "3.11.9", False), (">= 3.9 , < 4", "3.14", True),
    ],
)  # fmt: skip
def test_a_minor_version_is_allowed_where_any_patch_of_it_is(wanted, python, is_allowed):
    assert python_range.allows(wanted, python) == is_allowed


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["<", "<=", ">", ">=", "==", "!=", "~="]),
            st.lists(st.integers(0, 14), min_size=2, max_size=3),
        ),
        max_size=3,
    ),
    st.tuples(st.integers(3, 3), st.integers(0, 14), st.integers(0, 14)),
)
def test_it_agrees_with_packaging(clauses, version):
    from packaging import specifiers

    text = ",".join(sign + ".".join(map(str, number)) for sign, number in clauses)
    python = ".".join(map(str, version))
    assert python_range.allows(text, python) == specifiers.SpecifierSet(text).contains(python)


def test_what_is_no_range_is_said():
    with pytest.raises(ValueError, match="is not a range of versions"):
        python_range.allows(">=three", "3.11")


@pytest.mark.parametrize("wanted", [">=x", ">=3.11;", pytest.param(f">=3.{'1' * 5000}", id="long")])
def test_a_file_that_asks_for_what_is_no_range_is_named(wanted):
    with pytest.raises(
        ResolveError, match=r"`requires-python` of `pyproject\.toml` cannot"
    ) as told:
        python_range.check(wanted, "3.11", "pyproject.toml")
    assert len(str(told.value)) < 200


def test_both_are_named():
    with pytest.raises(ResolveError, match=r"`uv\.lock` asks for Python >=3\.12; .* for 3\.11"):
        python_range.check(">=3.12", "3.11", "uv.lock")
