"""Reference: places outside of the store, as a person writes them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.errors import InvalidTag
from modelbundle.bundler.registry.reference import (
    BucketReference,
    DirectoryReference,
    RegistryReference,
    is_loopback,
    parse,
)

DIGEST = "sha256:" + "a1" * 32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ghcr.io/team/iris", RegistryReference("ghcr.io", "team/iris")),
        ("ghcr.io/team/iris:2.1", RegistryReference("ghcr.io", "team/iris", "2.1")),
        ("localhost/x", RegistryReference("localhost", "x")),
        ("127.0.0.1:5000/a/b_c/d:t", RegistryReference("127.0.0.1:5000", "a/b_c/d", "t")),
        ("[::1]:5000/x:y", RegistryReference("[::1]:5000", "x", "y")),
        (f"h.io/x@{DIGEST}", RegistryReference("h.io", "x", None, DIGEST)),
        (f"h.io/x:1@{DIGEST}", RegistryReference("h.io", "x", "1", DIGEST)),
        ("docker://h.io/x", RegistryReference("h.io", "x")),
        ("oci://h.io/x", RegistryReference("h.io", "x")),
        ("H.io/x", RegistryReference("h.io", "x")),
        ("/mnt/models", DirectoryReference(Path("/mnt/models"))),
        ("./m:iris:2.1", DirectoryReference(Path("m"), "iris:2.1")),
        ("../m", DirectoryReference(Path("../m"))),
        (".", DirectoryReference(Path())),
        ("oci:m:iris", DirectoryReference(Path("m"), "iris")),
        ("file:///m", DirectoryReference(Path("/m"))),
        ("/s:models/iris:1", DirectoryReference(Path("/s"), "models/iris:1")),
        ("s3://b/p/", BucketReference("s3://b/p")),
        ("gs://b:iris:2.1", BucketReference("gs://b", "iris:2.1")),
        (f"az://b/p@{DIGEST}", BucketReference("az://b/p", None, DIGEST)),
        (f"/m@{DIGEST}", DirectoryReference(Path("/m"), None, DIGEST)),
    ],
)
def test_it_is_read_and_written(text, expected):
    found = parse(text)
    assert found == expected
    assert parse(str(found)) == found


def test_a_directory_below_home_is_found(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert parse("~/models") == DirectoryReference(Path("/home/somebody/models"))
    with pytest.raises(InvalidTag, match="names no directory"):
        parse("~nobody-of-that-name/models")


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "iris", "iris:2.1", "team/iris", "h.io", "h.io/", "h.io/X", "h.io/x/", "h.io//x",
        "h.io/../x", "h.io/x:", "h.io/x:a b", "h.io/x:" + "t" * 129, "h.io/x@sha256:12",
        f"h.io/x@{DIGEST}0", "https://h.io/x", "h.io:99999/x", "h.io:0/x", "h.io:x/x", "h..io/%2e",
        "h.io/x?y=z", "h.io/x#y", "h.io/x\n", "h.io/x\x00", "oci:", "s3://", "s3:///", "s3://k:s@b", "s3://b?x=y", "s3://b:a b", "/m:", "/m:a b", "/m:/x",
        "h.io/" + "x" * 300,
    ],
)  # fmt: skip
def test_anything_else_is_refused_in_one_line(text):
    with pytest.raises(InvalidTag) as caught:
        parse(text)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "text", ["user:hunter2@h.io/x", "https://user:hunter2@h.io/x", "h.io/user:hunter2@x"]
)
def test_a_password_is_not_repeated(text):
    with pytest.raises(InvalidTag) as caught:
        parse(text)
    assert "hunter2" not in str(caught.value) + str(caught.value.hint)


def test_docker_hub_listens_elsewhere():
    assert parse("docker.io/me/iris").address == "registry-1.docker.io"
    assert parse("ghcr.io/me/iris").address == "ghcr.io"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("localhost", True), ("a.localhost", True), ("127.0.0.1", True), ("127.9.9.9", True),
        ("[::1]", True), ("::1", True), ("LOCALHOST", True), ("10.0.0.1", False),
        ("localhost.example.com", False), ("127.0.0.1.example.com", False), ("0.0.0.0", False),
    ],
)  # fmt: skip
def test_only_this_machine_is_loopback(name, expected):
    assert is_loopback(name) is expected


@given(st.text(max_size=60))
def test_nothing_but_a_reference_or_an_error_comes_out(text):
    try:
        found = parse(text)
    except InvalidTag:
        return
    if isinstance(found, RegistryReference):
        assert parse(str(found)) == found
        assert ".." not in found.repository.split("/")
