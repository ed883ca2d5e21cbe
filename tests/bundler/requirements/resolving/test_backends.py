"""One set of requirements, resolved for CPUs and for versions of CUDA."""

import os
from pathlib import Path

import pytest

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.requirements import Requirement, Requirements
from modelbundle.bundler.requirements.resolving.backends import resolve_for
from modelbundle.bundler.requirements.target import Target

AMD64 = Target("3.11", "linux/amd64")


def asking(*texts):
    return Requirements(tuple(Requirement(text, "the author") for text in texts))


def names(packages):
    return {package.name for package in packages}


@pytest.fixture
def local_torch():
    """The version of a CPU build of torch in a folder of wheels, with its local part."""
    for place in os.environ.get("UV_FIND_LINKS", "").split(","):
        for wheel in Path(place).glob("torch-*+cpu-cp311-*.whl") if place else ():
            return wheel.name.split("-")[1]
    pytest.skip("no folder of wheels with a CPU build of torch in UV_FIND_LINKS")


def test_a_cpu_bundle_has_none_of_xgboosts_gpu_wheels(index):
    requirements = asking("xgboost==3.2.0")
    assert "nvidia-nccl-cu12" in names(resolve_for("auto", requirements, AMD64))
    lean = names(resolve_for("cpu", requirements, AMD64))
    assert not any(name.startswith("nvidia") for name in lean)
    assert {"xgboost", "numpy", "scipy"} <= lean


def test_a_cpu_build_of_torch_in_a_folder_needs_no_other_index(index, local_torch):
    packages = resolve_for("cpu", asking(f"torch=={local_torch.partition('+')[0]}"), AMD64)
    assert {p.name: p.version for p in packages}["torch"] == local_torch
    assert not any(name.startswith("nvidia") for name in names(packages))


def test_a_cpu_build_of_torch_is_no_cuda_whatever_xgboost_brings(index, local_torch):
    with pytest.raises(ResolveError, match=r"torch resolves to .*\+cpu, which has no CUDA"):
        resolve_for("cuda", asking(f"torch=={local_torch}", "xgboost==3.2.0"), AMD64)


@pytest.mark.parametrize("accelerator", ["cuda", "cuda==13.0"])
def test_one_machine_with_a_cpu_build_in_a_folder_locks_for_both(index, local_torch, accelerator):
    """A resolver prefers the folder's build, whose version has a local part, to the index's."""
    wanted = asking(f"torch=={local_torch.partition('+')[0]}")
    found = {p.name: p.version for p in resolve_for(accelerator, wanted, AMD64)}
    assert found["torch"] == local_torch.partition("+")[0]
    assert any(name.startswith("nvidia-") for name in found)
    assert {p.name: p.version for p in resolve_for("cpu", wanted, AMD64)}["torch"] == local_torch


def test_the_cuda_that_the_index_gives_is_taken_as_it_is(index, monkeypatch):
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    packages = resolve_for("cuda==13.0", asking("torch==2.13.0"), AMD64)
    assert {p.name: p.version for p in packages}["torch"] == "2.13.0"


def test_another_cuda_without_its_index_is_a_sentence_that_names_it(index, monkeypatch):
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    resolve_for("auto", asking("torch==2.13.0"), AMD64)
    offline = Target("3.11", "linux/amd64", offline=True)
    with pytest.raises(ResolveError, match=r"only on https://download\.pytorch\.org/whl/cu126"):
        resolve_for("cuda==12.6", asking("torch==2.13.0"), offline)


def test_the_gpu_build_of_onnxruntime_brings_its_cuda_along(index):
    origin = "model `net` was saved with 1.31.1"
    saved = Requirements(
        (Requirement("onnxruntime==1.31.1", origin),), recorded={"onnxruntime": ("1.31.1", "net")}
    )
    packages = {p.name: p for p in resolve_for("cuda==13.0", saved, AMD64)}
    assert packages["onnxruntime-gpu"].version == "1.31.1"
    assert packages["onnxruntime-gpu"].via == (origin,)
    assert packages["nvidia-cuda-runtime"].version.startswith("13.0.")
    assert "onnxruntime" not in packages
    with pytest.raises(ResolveError, match=r"brings CUDA 13\."):
        resolve_for("cuda==12.6", saved, AMD64)


def test_asking_for_cuda_where_nothing_uses_it_is_an_error(index):
    with pytest.raises(ResolveError, match="no locked package uses CUDA") as caught:
        resolve_for("cuda", asking("idna"), AMD64)
    assert "python.requirements" in caught.value.hint
    with pytest.raises(ResolveError, match="brings CUDA 12"):
        resolve_for("cuda==13.0", asking("xgboost==3.2.0"), AMD64)
    packages = resolve_for("cuda==12.6", asking("xgboost==3.2.0"), AMD64)
    assert "nvidia-nccl-cu12" in names(packages)


def test_a_build_of_torch_that_nobody_knows_is_a_sentence_with_those_that_are(wheels, make_wheel):
    make_wheel(wheels, "torch", "2.13.0", ["nvidia-cuda-runtime"])
    make_wheel(wheels, "nvidia-cuda-runtime", "13.0.96")
    with pytest.raises(ResolveError, match=r"No build of torch is known for cu999\.") as caught:
        resolve_for("cuda==99.9", asking("torch"), AMD64)
    assert "`cuda==13.0`" in caught.value.hint
    assert "cuda==99.9" not in caught.value.hint


def test_tensorflow_has_its_cuda_in_an_extra(wheels, make_wheel):
    make_wheel(wheels, "tensorflow", "2.21.0")
    with pytest.raises(ResolveError, match="no locked package uses CUDA") as caught:
        resolve_for("cuda", asking("tensorflow"), AMD64)
    assert "`tensorflow[and-cuda]`" in caught.value.hint
