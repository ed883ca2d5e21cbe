"""Untrusted JSON is refused for its depth before a parser has gone down there."""

import json
import sys

import pytest

from modelbundle.bundler.untrusted import shallow_json, strict_json

READERS = pytest.mark.parametrize("loads", [shallow_json.loads, strict_json.loads])
DEEPEST = shallow_json.DEEPEST


@READERS
@pytest.mark.parametrize("start", [b"[", b'{"a":', b'[{"a":', b'["\\"",{"]}":'])
def test_what_goes_too_deep_is_refused(loads, start):
    with pytest.raises(ValueError, match="nested too deeply"):
        loads(start * 100_000)


@READERS
def test_the_depth_is_counted_and_not_the_brackets(loads):
    deep = b"[" * DEEPEST + b"]" * DEEPEST
    assert loads(deep) == json.loads(deep)
    assert loads(b"[" + b",".join([deep[1:-1]] * 3) + b"]")
    with pytest.raises(ValueError, match="nested too deeply"):
        loads(b"[" + deep + b"]")


@READERS
def test_brackets_in_texts_count_for_nothing(loads):
    texts = ["[{" * DEEPEST, '\\"[' * DEEPEST, "\\" * 3, "]" * DEEPEST]
    assert loads(json.dumps(texts).encode()) == texts


@READERS
def test_closing_brackets_ahead_hide_no_depth(loads):
    with pytest.raises(ValueError):  # noqa: PT011 - a parser's words
        loads(b"]" * 100_000 + b"[" * 100_000)


@READERS
@pytest.mark.parametrize("data", [b'{"a": "', b'"\\', b"[" * 300 + b'"' + b"[" * 10, b"\xff", b""])
def test_what_is_no_json_is_a_value_error(loads, data):
    with pytest.raises(ValueError):  # noqa: PT011 - two parsers' words
        loads(data)


@READERS
def test_the_calls_of_python_are_not_used_up(loads):
    """At 300 levels below the limit of calls, the deepest that is read leaves room."""
    before = sys.getrecursionlimit()
    deep = b"[" * DEEPEST + b"]" * DEEPEST

    def below(levels):
        return below(levels - 1) if levels else loads(deep)

    assert below(before - 500) == json.loads(deep)
