"""The strict YAML reader: places, refusals, and no input that hurts."""

import random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from modelbundle.bundler.errors import BundlefileError
from modelbundle.bundler.project.yaml_source import MAX_BYTES, MAX_VALUES, dotted, read


@pytest.fixture
def parse(tmp_path):
    def parse(text):
        path = tmp_path / "bundlefile.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        source = read(path)
        source.check()
        return source

    return parse


def problems(parse, text):
    with pytest.raises(BundlefileError) as caught:
        parse(text)
    return caught.value.problems


def refusal(path):
    try:
        read(path).check()
    except BundlefileError as error:
        return error
    return None


def test_values_and_keys_know_their_places(parse):
    source = parse("name: iris\nserve:\n  batch: {size: 3}\n  hosts:\n    - a\n    - b\n")
    assert source.value == {"name": "iris", "serve": {"batch": {"size": 3}, "hosts": ["a", "b"]}}
    assert source.place(("serve", "batch", "size")) == (3, 17)
    assert source.place(("serve", "batch", "size"), key=True) == (3, 11)
    assert source.place(("serve", "hosts", 1)) == (6, 7)
    assert source.place(("serve", "nowhere", "at", "all")) == (3, 3)


def test_a_number_keeps_the_text_it_was_written_as(parse):
    source = parse("version: 3.10")
    assert source.value == {"version": 3.1}
    assert source.texts["version",] == "3.10"


def test_quotes_make_text(parse):
    text = """a: "3.10"\nb: '0123'\nc: "null"\nd: |\n  two\n  lines\n"""
    assert parse(text).value == {"a": "3.10", "b": "0123", "c": "null", "d": "two\nlines\n"}


def test_a_byte_order_mark_and_windows_line_ends_are_harmless(parse):
    source = parse(b"\xef\xbb\xbfname: iris\r\nmodels:\r\n- a\r\n")
    assert source.value == {"name": "iris", "models": ["a"]}
    assert source.place(("models", 0)) == (3, 3)


def test_every_trick_is_refused_in_one_go(parse):
    found = problems(
        parse,
        "a: &x [1]\n"
        "b: *x\n"
        "c: !!python/object/apply:os.system [id]\n"
        "<<: {d: 1}\n"
        "a: 2\n"
        "1: one\n"
        "e: 0123\n"
        'f: "\\0"\n',
    )
    assert [(p.line, p.column) for p in found] == [
        (1, 4), (2, 4), (3, 4), (4, 1), (5, 1), (6, 1), (7, 4), (8, 4),
    ]  # fmt: skip
    for problem, word in zip(
        found, ["anchor", "alias", "tag", "merge", "twice", "text", "0123", "U+0000"], strict=True
    ):
        assert word in problem.message


def test_a_duplicate_key_names_the_line_of_the_first(parse):
    (problem,) = problems(parse, "serve:\n  port: 1\n  host: a\n  port: 2\n")
    assert str(problem).endswith(":4:3: serve.port: The key `port` appears twice; first in line 2.")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("--- \na: 1\n---\nb: 2\n", "one document"),
        ("%YAML 1.1\n---\na: 1\n", "Directives"),
        ("%TAG ! tag:x,2000:\n---\na: 1\n", "Directives"),
        ("? [a, b]\n: 1\n", "key must be text"),
        ("a: !local 1\n", "tag"),
        ("a:\n\t- b\n", "not YAML"),
        ("a: [1, 2\n", "not YAML"),
        ("a: 'x\n", "not YAML"),
        (b"a: \xff\xfe\n", "UTF-8"),
        ("a: b".encode("utf-16"), "UTF-8"),
        (b"a: b\x00c\n", "U+0000"),
        ("a: \u202ereversed\n", "U+202E"),
        ("a: one\u2028two\n", "U+2028"),
        ("true: 1\n", "not text"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_the_reason(parse, text, word):
    assert word in problems(parse, text)[0].message


def test_a_tab_is_named_as_the_cause(parse):
    (problem,) = problems(parse, "a:\n\t- b\n")
    assert "tabs" in problem.hint


def test_a_hidden_character_has_its_line_and_column(parse):
    (problem,) = problems(parse, "a: 1\nb: x\u200e\u2066y\n")
    assert (problem.line, problem.column) == (2, 6)


def test_a_missing_file_a_folder_and_a_pipe_are_no_bundlefiles(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe")
    for name, word in [("gone", "no such file"), (".", "a directory"), ("pipe", "not a file")]:
        with pytest.raises(BundlefileError, match=word):
            read(tmp_path / name)


HOSTILE = {
    "merge bomb": "".join(
        f"k{n}: &k{n} {{<<: [{', '.join([f'*k{n - 1}'] * 9)}]}}\n" for n in range(1, 40)
    ),
    "laughs": "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(2000)),
    "keys": "".join(f"key{n}: {n}\n" for n in range(16_000)),
    "one flow of keys": "{" + "a: b, " * 40_000 + "}",
    "levels": "[" * 2000,
    "mappings": "{a: " * 2000,
    "sequences": "- " * 20_000,
    "question marks": "? " * 20_000,
    "flow keys": "[{" * 20_000,
    "anchors": "a: " + "&x " * 20_000,
    "open quote": '"' + "a\n" * 100_000,
    "long word": "a: " + "x" * 250_000,
    "long key": "k" * 250_000 + ": 1",
    "digits": "a: " + "9" * 250_000,
    "underscores": "a: 1" + "_1" * 100_000 + "x",
    "sixties": "a: 1" + ":1" * 100_000 + "x",
    "zeros": "a: 1." + "0" * 200_000 + "x",
    "comment": "#" * 250_000,
    "spaces": " " * 250_000 + "a",
    "block": "a: |\n" + " x\n" * 80_000,
    "hidden": "\x01" * 200_000,
    "documents": "---\n" * 60_000,
    "tag": "!" + "a" * 200_000,
    "too large": "a" * (MAX_BYTES + 1),
}


@pytest.mark.timeout(20)  # no figure to beat: what goes with the square of the length takes minutes
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_costs_no_more_than_its_length(tmp_path, name):
    path = tmp_path / "hostile.yaml"
    path.write_text(HOSTILE[name])
    assert len(str(refusal(path) or "")) < 40_000


def test_too_many_values_are_refused(parse):
    (problem,) = problems(parse, "\n".join("- a" for _ in range(MAX_VALUES + 10)))
    assert "10000 values" in problem.message


def test_problems_stop_at_a_number_a_person_can_read(parse):
    found = problems(parse, "\n".join(f"a{n}: 0{n}" for n in range(10, 200)))
    assert len(found) == 51
    assert found[-1].message == "And 140 more problems."


def test_names_with_line_ends_do_not_break_the_line(parse):
    (problem,) = problems(parse, '"a\\nb": 0123\n')
    assert "\n" not in str(problem)
    assert dotted(("a\nb", 3, "c")) == "a\\nb[3].c"


yaml_bits = st.sampled_from(
    ["a", "b: ", ": ", "- ", "\n", "\n  ", "[", "]", "{", "}", ", ", "&x ", "*x", "!!str ", "<<: ",
     "? ", "| \n", "> ", "'", '"', "#", "---\n", "...\n", "%YAML 1.2\n", "0x1", "1_0", "~", "\t",
     "\\", "\x85", "\ufeff", "é", "😀", "@", "`"]
)  # fmt: skip


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=300,
)
@given(st.one_of(st.text(max_size=200), st.lists(yaml_bits, max_size=60).map("".join)))
@example("? \n? \n")
@example("a: *a")
@example("- &a !b |\n x")
def test_any_text_is_read_or_refused_with_a_problem(tmp_path, text):
    path = tmp_path / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    error = refusal(path)
    for problem in error.problems if error else ():
        assert problem.line >= 1
        assert problem.column >= 1
        assert len(str(problem).splitlines()) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path, data):
    path = tmp_path / "any.yaml"
    path.write_bytes(data)
    error = refusal(path)
    assert error is None or error.problems


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**12), 10**12), st.text("abc é\"'", max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=12,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(json_values, st.randoms(use_true_random=False))
def test_what_another_writer_wrote_is_read_back_unchanged(tmp_path, value, chance: random.Random):
    import json

    import yaml

    path = tmp_path / "round.yaml"
    text = (
        json.dumps(value)
        if chance.random() < 0.5
        else yaml.safe_dump(value, default_flow_style=chance.random() < 0.5, allow_unicode=True)
    )
    path.write_text(text.removesuffix("...\n"), encoding="utf-8")
    source = read(path)
    source.check()
    assert source.value == value
