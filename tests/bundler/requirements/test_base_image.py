"""What a registry says of a tag, asked over a real connection."""

import pytest

from modelbundle.bundler.requirements.base_image import find_digest, split

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("python:3.11-slim", ("docker.io", "library/python", "3.11-slim")),
        ("nvidia/cuda:13", ("docker.io", "nvidia/cuda", "13")),
        ("docker.io/library/python", ("docker.io", "library/python", "latest")),
        ("localhost:5000/a/b:c", ("localhost:5000", "a/b", "c")),
        ("ghcr.io/x/y", ("ghcr.io", "x/y", "latest")),
        ("python:3@sha256:00", ("docker.io", "library/python", "3")),
        ("python@sha256:00", ("docker.io", "library/python", "latest")),
        ("localhost:5000/a/b@sha256:00", ("localhost:5000", "a/b", "latest")),
    ],
)
def test_references_are_read_as_docker_reads_them(reference, parts):
    assert split(reference) == parts


def test_the_registry_is_asked_for_the_digest_of_the_index(registry):
    host, asked = registry
    assert find_digest(f"{host}/open/image:1") == DIGEST
    assert "image.index.v1+json" in asked[0][1]


def test_a_digest_in_the_reference_needs_no_registry():
    assert find_digest(f"127.0.0.1:9/x@{DIGEST}") == DIGEST


def test_no_answer_is_none(registry):
    host, _ = registry
    assert find_digest(f"{host}/other/image:1") is None
    assert find_digest("127.0.0.1:9/open/image:1") is None
