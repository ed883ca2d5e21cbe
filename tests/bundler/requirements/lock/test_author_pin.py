"""An author's lock beside ours: what is the same, what the accelerator explains, what is wrong."""

import pytest

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.lock.author_pin import AuthorPin, changes, check
from modelbundle.bundler.requirements.lock.package import Package

GIVEN = {
    "torch": AuthorPin("uv.lock", {"2.13.0": frozenset({"aa"})}),
    "idna": AuthorPin("uv.lock", {"3.10": frozenset({"bb", "cc"}), "3.8": frozenset({"dd"})}),
    "six": AuthorPin("uv.lock", {"1.0": frozenset()}),
    "nvidia-nccl-cu13": AuthorPin("uv.lock", {"2.0": frozenset({"ee"})}),
    "mine": AuthorPin("uv.lock", foreign="a repository"),
}


def package(name, version, digest="aa"):
    return Package(name, version, {f"{name}.whl": digest})


def test_the_same_version_and_one_of_the_files_is_kept():
    kept = [package("idna", "3.8", "dd"), package("idna", "3.10", "cc"), package("other", "1")]
    check(GIVEN, [*kept, package("six", "1.0", "anything")], "auto")
    assert changes(GIVEN, kept, "auto") == []


@pytest.mark.parametrize(
    ("locked", "told"),
    [
        (package("idna", "3.9"), r"pins idna 3\.10 or 3\.8; the lock has 3\.9\."),
        (package("idna", "3.8", "bb"), r"pins idna 3\.8 with other files .* sha256:bb"),
        (package("torch", "2.13.0+cpu"), r"pins torch 2\.13\.0; the lock has 2\.13\.0\+cpu"),
        (package("mine", "1"), r"`mine` of `uv\.lock` comes from a repository"),
    ],
)
def test_what_was_not_kept_is_named(locked, told):
    with pytest.raises(ResolveError, match=told):
        check(GIVEN, [locked], "auto")


def test_another_build_of_torch_is_told_where_the_accelerator_asks_for_it():
    locked = [package("torch", "2.13.0+cpu")]
    check(GIVEN, locked, "cpu")
    assert changes(GIVEN, locked, "cpu") == [
        "`uv.lock` pins torch 2.13.0; the lock has 2.13.0+cpu, because of `accelerator: cpu`.",
        "nvidia-nccl-cu13 of `uv.lock` are left out, because of `accelerator: cpu`.",
    ]
