"""Tags: what a person may type, and what it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.errors import InvalidTag
from modelbundle.bundler.tag import Tag, check_name, check_version

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("iris", Tag(name="iris", alias="latest")),
        ("iris:latest", Tag(name="iris", alias="latest")),
        ("iris:1.0", Tag(name="iris", version="1.0")),
        ("iris@production", Tag(name="iris", alias="production")),
        ("model:iris", Tag("model", "iris", alias="latest")),
        ("bundle:iris:2", Tag("bundle", "iris", version="2")),
        ("model:iris@canary", Tag("model", "iris", alias="canary")),
        (f"sha256:{HEX}", Tag(digest=f"sha256:{HEX}")),
        ("sha256:012345", Tag(digest="sha256:012345")),
        (f"bundle:sha256:{HEX}", Tag("bundle", digest=f"sha256:{HEX}")),
    ],
)
def test_a_tag_is_read_as_a_person_means_it(text, tag):
    assert Tag.parse(text) == tag


def test_a_kind_in_front_beats_the_kind_that_the_caller_expects():
    assert Tag.parse("bundle:iris", "model").kind == "bundle"
    assert Tag.parse("iris", "model").kind == "model"


@pytest.mark.parametrize(
    "text",
    [
        "", ":", "@", ":1", "@a", "iris:", "iris@", "Iris", "iris:a:b", "iris@a@b", "../iris", "a/b",
        "a\\b", ".iris", "iris.", "a..b", "iris:..", "iris:.", "iris:-1", "iris:a b", "iris:a\n", "iris\n",
        "iris\0", "írís", "iris:é", "n" * 129, "iris:" + "v" * 129, "model:", "model", "bundle", "model:model",
        "sha256:", "sha256:xyz", "sha256:0123", "sha256:" + "A" * 64, "sha256:" + "0" * 65, "sha256", "~", "$HOME",
        "iris:latest\u200b", "con\u202e", "iris@../x",
    ],
)  # fmt: skip
def test_what_is_no_tag_is_refused_with_the_rule(text):
    with pytest.raises(InvalidTag) as caught:
        Tag.parse(text)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("path", [".", "./fraud-layout", "bundle:out/fraud.tar", "../x@1"])
def test_a_path_is_told_from_a_bad_name(path):
    with pytest.raises(InvalidTag, match="is a path; this takes a tag") as caught:
        Tag.parse(path)
    assert "`bundle import PATH`" in caught.value.hint


@given(st.text(max_size=140))
def test_an_accepted_name_is_one_plain_file_name_and_reads_back(text):
    try:
        name = check_name(text)
    except InvalidTag:
        return
    assert name == text == text.lower()
    assert name.isascii()
    assert not set(name) & set("/\\:@\0 \n")
    assert name not in {".", ".."}
    assert Tag.parse(name).name == name
    assert str(Tag.parse(f"{name}:1")) == f"{name}:1"


@given(st.from_regex(r"[A-Za-z0-9._+-]{1,20}", fullmatch=True))
def test_an_accepted_version_reads_back(text):
    try:
        version = check_version(text)
    except InvalidTag:
        return
    tag = Tag.parse(f"iris:{version}")
    assert tag == Tag.parse(str(tag))
    assert version in (tag.version, tag.alias)
