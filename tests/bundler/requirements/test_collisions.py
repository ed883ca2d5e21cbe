"""Wheels that own the same file are refused."""

import pytest

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.collisions import check_environment, check_lock
from modelbundle.bundler.requirements.resolution import Package


def package(name, via):
    return Package(name, "1.0", {f"{name}.whl": "0"}, via=(via,))


def test_two_nccls_are_refused_with_who_brings_them_and_a_way_out():
    locked = [package("nvidia-nccl-cu12", "xgboost"), package("nvidia-nccl-cu13", "torch")]
    with pytest.raises(
        ResolveError, match=r"nvidia-nccl-cu12 1\.0 \(asked for by xgboost\)"
    ) as caught:
        check_lock(locked)
    assert "accelerator: cpu" in caught.value.hint
    assert caught.value.exit_code == 4


def test_one_of_each_family_is_fine():
    check_lock([package("nvidia-nccl-cu13", "torch"), package("nvidia-cudnn-cu12", "x")])


def record(site, name, lines):
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text("".join(f"{line}\n" for line in lines))


def test_an_environment_with_differing_claims_on_one_file_is_refused(tmp_path):
    record(tmp_path, "one", ["lib/x.so,sha256=aa,1", "same.py,sha256=cc,1"])
    record(tmp_path, "two", ["lib/x.so,sha256=bb,1", "same.py,sha256=cc,1"])
    with pytest.raises(ResolveError, match=r"one and two both own 1 files.*`lib/x\.so`"):
        check_environment(tmp_path)


def test_equal_files_caches_and_scripts_are_no_collision(tmp_path):
    record(tmp_path, "one", ["a/__init__.py,sha256=aa,0", "../../bin/x,sha256=aa,1", "b.pyc,,"])
    record(tmp_path, "two", ["a/__init__.py,sha256=aa,0", "../../bin/x,sha256=bb,1", "b.pyc,,"])
    check_environment(tmp_path)
