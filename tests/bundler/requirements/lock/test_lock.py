"""The lock as a file: what it says, and what pip and uv make of it."""

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.lock.lock import BaseImage, Lock, LockedModel
from modelbundle.bundler.requirements.lock.lock_file import LockFile
from modelbundle.bundler.requirements.lock.package import Package, merge


def make_lock(*packages, **changes):
    given = {
        "input": "sha256:" + "0" * 64,
        "python": "3.11",
        "platforms": ("linux/amd64",),
        "accelerator": "auto",
        "exclude_newer": None,
        "indexes": (),
        "base": BaseImage("python:3.11-slim"),
        "models": {"iris": LockedModel("iris", "1", "sha256:" + "1" * 64)},
        "packages": packages,
    }
    return Lock(**(given | changes))


ALPHA = Package("alpha", "1.0", {"a.whl": "bb", "a2.whl": "aa"}, ("iris",))
ARM = Package("beta", "2.0", {"b.whl": "cc"}, platforms=("linux/arm64",))
TORCH = Package("torch", "2+cpu", {"t.whl": "dd"}, index="https://download.pytorch.org/whl/cpu")


def test_a_lock_survives_being_written_and_read(tmp_path):
    lock = make_lock(ALPHA, ARM, TORCH, platforms=("linux/amd64", "linux/arm64"))
    (tmp_path / "bundle.lock").write_bytes(LockFile({"auto": lock}).encode())
    assert LockFile.read(tmp_path / "bundle.lock") == LockFile({"auto": lock})
    assert LockFile.read(tmp_path / "other.lock") is None


POOL = [
    Package("alpha", "1.0", {"a.whl": "aa"}, ("iris",)),
    Package("alpha", "1.0", {"a.whl": "aa", "b.whl": "bb"}, ("iris",)),
    Package("alpha", "2.0", {"a2.whl": "aa"}, platforms=("linux/arm64",)),
    Package("beta", "2+cpu", {"b.whl": "cc"}, index="https://example.com/simple"),
    Package("beta", "2+cu", {"b.whl": "cc"}, folder="wheels"),
]
SOME = st.sets(st.sampled_from(range(len(POOL))))


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(["auto", "cpu", "cuda"]), SOME, min_size=1))
def test_each_accelerator_gets_its_own_packages_back(chosen):
    """What all of them have stands there once, and without them."""
    variants = {
        name: make_lock(*(POOL[at] for at in sorted(places)), accelerator=name)
        for name, places in chosen.items()
    }
    told = LockFile(variants).to_json()
    found = LockFile.from_json(json.loads(json.dumps(told)))
    assert list(found.variants) == list(variants)
    for name, lock in variants.items():
        assert sorted(map(repr, found.variants[name].packages)) == sorted(map(repr, lock.packages))
        assert found.has(name, lock.input)
        assert not found.has(name, "sha256:" + "1" * 64)
        assert not found.has("other", lock.input)
    assert len(told["packages"]) == len(set().union(*chosen.values()))
    shared = set.intersection(*chosen.values())
    assert sum("accelerators" not in package for package in told["packages"]) == len(shared)


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.sampled_from(["linux/amd64", "linux/arm64", "linux/ppc64le"]),
        st.sets(st.tuples(st.sampled_from("ab"), st.sampled_from("12"))),
    )
)
def test_what_was_resolved_for_each_platform_is_for_that_platform(resolved):
    packages = {
        platform: [
            Package(name, version, {f"{name}{version}-{platform[-5:]}.whl": "aa"}, (platform,))
            for name, version in pins
        ]
        for platform, pins in resolved.items()
    }
    merged = merge(packages)
    assert len(merged) == len(set().union(*resolved.values()))
    for platform, own in packages.items():
        found = {
            p.name + p.version: p for p in merged if not p.platforms or platform in p.platforms
        }
        assert found.keys() == {each.name + each.version for each in own}
        for each in own:
            merged_one = found[each.name + each.version]
            assert each.files.items() <= merged_one.files.items()
            assert platform in merged_one.via


def test_requirements_have_every_hash_the_markers_and_the_indexes():
    text = make_lock(ALPHA, ARM, TORCH, platforms=("linux/amd64", "linux/arm64")).requirements()
    assert text == (
        "--extra-index-url https://download.pytorch.org/whl/cpu\n"
        "alpha==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
        "beta==2.0 ; platform_machine == 'aarch64' \\\n    --hash=sha256:cc\n"
        "torch==2+cpu \\\n    --hash=sha256:dd\n"
    )


def test_the_digest_is_that_of_the_environment_not_of_the_models():
    assert make_lock(ALPHA).digest == make_lock(ALPHA, models={}).digest
    assert make_lock(ALPHA).digest != make_lock(ARM).digest


def test_narrowed_to_one_platform_nothing_of_the_others_is_left():
    lock = make_lock(ALPHA, ARM, platforms=("linux/amd64", "linux/arm64"))
    assert [p.name for p in lock.narrowed("linux/amd64").packages] == ["alpha"]
    assert "platform_machine" not in lock.narrowed("linux/arm64").requirements()
    with pytest.raises(ResolveError, match="not for linux/arm64"):
        make_lock(ALPHA).narrowed("linux/arm64")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 99}', '{"schema": 1}'])
def test_what_is_no_lock_is_a_sentence(tmp_path, text):
    (tmp_path / "bundle.lock").write_text(text)
    said = "reads up to 2" if "99" in text else "is not a lock"
    with pytest.raises(ResolveError, match=rf"bundle\.lock.*{said}"):
        LockFile.read(tmp_path / "bundle.lock")


def test_an_image_is_pinned_once_its_digest_is_known():
    assert BaseImage("python:3.11-slim").pinned == "python:3.11-slim"
    assert BaseImage("python:3.11-slim", "sha256:ab").pinned == "python:3.11-slim@sha256:ab"


def test_a_lock_that_is_a_pipe_or_a_device_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.lock")
    (tmp_path / "device.lock").symlink_to("/dev/zero")
    (tmp_path / "deep.lock").write_bytes(b"[" * 100_000)
    for name in ("pipe", "device", "deep"):
        with pytest.raises(ResolveError, match="is not a lock"):
            LockFile.read(tmp_path / f"{name}.lock")
