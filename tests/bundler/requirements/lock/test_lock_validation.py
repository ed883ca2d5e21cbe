"""A lock that somebody wrote by hand is a lock, or one sentence: nothing in it becomes an option."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.lock.lock_file import LockFile

EVIL = [
    "1.0\n--index-url http://evil.example/simple", "1 --index-url=http://evil.example", "\x1b[31m",
    "$(id)", "`id`", "../../etc/passwd", "a\\", "'", '"', "", 5, None, [], {}, True, "\u2028x",
    "--pre", "-r",
]  # fmt: skip


def document():
    return {
        "schema": 2,
        "python": "3.11",
        "platforms": ["linux/amd64"],
        "exclude_newer": None,
        "indexes": [{"name": "own", "url": "https://example.com/simple", "packages": ["beta"]}],
        "models": {"iris": {"name": "iris", "version": "1", "digest": "sha256:" + "1" * 64}},
        "variants": {
            "auto": {
                "input": "sha256:" + "0" * 64,
                "base": {"reference": "python:3.11-slim", "digest": "unpinned"},
            }
        },
        "packages": [
            {
                "name": "alpha-beta",
                "version": "1!1.0.post1+cpu.x",
                "files": {"alpha_beta-1.0-py3-none-any.whl": "aa" * 32},
                "via": ["requirements.txt:3", "model `iris`"],
                "index": "https://download.pytorch.org/whl/cpu",
                "platforms": ["linux/amd64"],
            }
        ],
    }


def read(path, data):
    path.write_text(json.dumps(data))
    return LockFile.read(path)


def test_what_a_lock_is_made_of_is_read(tmp_path):
    (package,) = read(tmp_path / "bundle.lock", document()).variants["auto"].packages
    assert package.version == "1!1.0.post1+cpu.x"


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize(
    "place",
    [
        ("packages", 0, "name"),
        ("packages", 0, "version"),
        ("packages", 0, "files", "alpha_beta-1.0-py3-none-any.whl"),
        ("indexes", 0, "url"),
        ("python",),
    ],
)
def test_no_word_is_anything_else(tmp_path, place, evil):
    data = document()
    part = data
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = evil
    with pytest.raises(ResolveError, match="is not a lock") as caught:
        read(tmp_path / "bundle.lock", data)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a b.whl", "a\n.whl", "-r"])
def test_the_name_of_a_file_is_no_path(tmp_path, name):
    data = document()
    data["packages"][0]["files"] = {name: "aa" * 32}
    with pytest.raises(ResolveError, match="file of alpha-beta is not one"):
        read(tmp_path / "bundle.lock", data)


@pytest.mark.parametrize(
    "place",
    [
        ("packages", 0, "via", 0),
        ("variants", "auto", "base", "reference"),
        ("variants", "auto", "input"),
        ("models", "iris", "version"),
        ("indexes", 0, "name"),
        ("indexes", 0, "packages", 0),
    ],
)
def test_words_for_people_are_one_line_each(tmp_path, place):
    """They stand in comments and in messages."""
    data = document()
    part = data
    for step in place[:-1]:
        part = part[step]
    for line in ("a\nb", "\x1b[2J", "\u2028", 5, ["a"]):
        part[place[-1]] = line
        with pytest.raises(ResolveError, match="is not a lock"):
            read(tmp_path / "bundle.lock", data)


@pytest.mark.parametrize("name", ["a b", "a'b", 'a"b', "a\\b"])
def test_the_name_of_an_index_is_one_word(tmp_path, name):
    data = document()
    data["indexes"][0]["name"] = name
    with pytest.raises(ResolveError, match="name of an index"):
        read(tmp_path / "bundle.lock", data)
    data["indexes"][0]["name"] = None
    assert read(tmp_path / "bundle.lock", data).variants["auto"].indexes[0].name is None


def places(value, at=()):
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*at, key)
            yield from places(value[key], (*at, key))


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(list(places(document()))),
    st.sampled_from(EVIL) | st.recursive(st.none() | st.text(max_size=9), st.lists),
)
def test_whatever_is_read_says_nothing_to_pip_but_packages(tmp_path_factory, place, evil):
    data = document()
    part = data
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = evil
    try:
        found = read(tmp_path_factory.getbasetemp() / "bundle.lock", data)
    except ResolveError:
        return
    for lock in found.variants.values() if found else ():
        for line in lock.requirements().splitlines():
            assert line.startswith(
                ("--extra-index-url https://", "# --index ", "    --hash=", "al")
            )
