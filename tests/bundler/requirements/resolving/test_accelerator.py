"""CUDA, driver and base image, read off the lock."""

import pytest

from modelbundle.bundler.requirements.lock.package import Package
from modelbundle.bundler.requirements.resolving.accelerator import cuda_version, derive, image


def packages(**versions):
    return [
        Package(name.replace("_", "-"), version, {f"{name}.whl": "0"}, via=("x",))
        for name, version in versions.items()
    ]


TORCH = packages(torch="2.13.0", nvidia_cuda_runtime="13.0.96", nvidia_cudnn_cu13="9.20.0.48")


def test_without_gpu_packages_the_base_is_the_slim_python_of_the_lock():
    found = derive(packages(numpy="2.4.6"), "3.12", "auto", "x86_64")
    assert (found.kind, found.cuda, found.base) == ("cpu", None, "python:3.12-slim")
    assert found.why[0] == "No locked package brings or expects CUDA."


@pytest.mark.parametrize(
    ("locked", "cuda"),
    [
        (packages(torch="2.11.0+cu128", nvidia_cuda_runtime_cu12="12.8.90"), "12.8"),
        (TORCH, "13.0"),
        (packages(xgboost="3.2.0", nvidia_nccl_cu12="2.32.3"), "12"),
        (packages(onnxruntime_gpu="1.31.1"), "13"),
        (packages(onnxruntime_gpu="1.27.0rc1"), "13"),
        (packages(onnxruntime_gpu="1.26.0"), "12"),
        (packages(onnxruntime_gpu="1.18.1"), "11"),
        (packages(torch="2.13.0+cpu"), None),
    ],
)
def test_the_cuda_version_is_that_of_torch_then_the_runtime_then_the_names(locked, cuda):
    assert cuda_version(locked)[0] == cuda


def test_wheels_that_bring_cuda_need_only_the_base_image():
    found = derive(TORCH, "3.11", "auto", "x86_64")
    assert found.base == "nvidia/cuda:13.0.3-base-ubuntu24.04"
    assert (found.min_driver, found.flavor) == ("580", "base")
    assert "12.0+PTX" in found.archs
    assert "7.0" not in found.archs
    assert any("needs driver 580" in sentence for sentence in found.why)


def test_flavor_none_means_slim_even_with_cuda():
    found = derive(TORCH, "3.11", "none", "x86_64")
    assert (found.kind, found.base) == ("cuda", "python:3.11-slim")


def test_xgboost_has_its_cuda_inside_and_needs_no_image_for_it():
    locked = packages(xgboost="3.2.0", nvidia_nccl_cu12="2.32.3")
    found = derive(locked, "3.11", "auto", "x86_64")
    assert (found.kind, found.base) == ("cuda", "python:3.11-slim")


def test_wheels_that_expect_the_systems_libraries_get_them():
    found = derive(packages(onnxruntime_gpu="1.26.0"), "3.11", "auto", "x86_64")
    assert found.base == "nvidia/cuda:12.9.1-cudnn-runtime-ubuntu24.04"


def test_an_unknown_minor_takes_the_nearest_below_with_a_warning():
    base, _, warnings = image("13.9", "base")
    assert base == "nvidia/cuda:13.2.1-base-ubuntu24.04"
    assert "13.2 stands in" in warnings[0]
    assert image("11.8", "cudnn-devel")[0] == "nvidia/cuda:11.8.0-cudnn8-devel-ubuntu22.04"


def test_two_versions_of_cuda_in_one_lock_are_told_with_who_brings_them():
    found = derive([*TORCH, *packages(nvidia_nccl_cu12="2.32.3")], "3.11", "auto", "x86_64")
    assert "CUDA 12: nvidia-nccl-cu12 (via x)" in found.warnings[0]


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("1.31.1", "`onnxruntime-gpu>=1.19,<1.27`"),
        ("1.17.1", "`onnxruntime-gpu>=1.19,<1.27`"),
        ("1.20.0", ""),
    ],
)
def test_what_expects_another_cuda_than_torch_brings_is_told_with_what_fits(version, told):
    torch = packages(torch="2.6.0", nvidia_cuda_runtime_cu12="12.4.127")
    found = derive([*torch, *packages(onnxruntime_gpu=version)], "3.11", "auto", "x86_64")
    text = " ".join(found.warnings)
    assert ("mixes two versions of CUDA" in text) is bool(told)
    assert told in text


@pytest.mark.parametrize(
    ("name", "cuda"), [("cupy_cuda11x", "11"), ("spconv_cu118", "11"), ("other_cuda12x", "12")]
)
def test_a_name_says_its_cuda_in_several_ways(name, cuda):
    assert cuda_version(packages(**{name: "1.0"}))[0] == cuda


def test_a_gpu_package_of_unknown_cuda_is_told_and_no_stop():
    found = derive(packages(paddlepaddle_gpu="2.6.2"), "3.11", "auto", "x86_64")
    assert found.kind == "cpu"
    assert "paddlepaddle-gpu 2.6.2 seems to be for GPUs" in found.warnings[0]


def test_a_version_that_nobody_knows_takes_its_neighbors_with_warnings():
    locked = packages(torch="3.0.0", nvidia_cuda_runtime="14.1.0", nvidia_cudnn_cu14="10.1.0.2")
    found = derive(locked, "3.13", "auto", "x86_64")
    assert (found.cuda, found.cudnn, found.min_driver, found.archs) == (
        "14.1", "10.1.0.2", "580", (),
    )  # fmt: skip
    assert found.base == "nvidia/cuda:13.2.1-base-ubuntu24.04"
    told = " ".join(found.warnings)
    assert "No driver is known for CUDA 14; CUDA 13's, 580, is asked for" in told
    assert "No image is known for CUDA 14.1" in told
    assert any("not known which GPUs torch 3.0.0" in sentence for sentence in found.why)


@pytest.mark.parametrize("version", ["13.0", "12", "11.8", "10.2", "99.9", "13.99", "12.7"])
@pytest.mark.parametrize("flavor", ["auto", "none", "base", "cudnn-devel"])
def test_no_version_is_a_stop(version, flavor):
    locked = packages(torch="2.13.0", nvidia_cuda_runtime=f"{version}.1")
    found = derive(locked, "3.11", flavor, "aarch64")
    assert found.kind == "cuda"
    assert found.min_driver
    assert found.base.startswith(("nvidia/cuda:", "python:3.11-slim"))


def test_what_the_wheels_bring_is_in_the_reasons():
    found = derive(TORCH, "3.11", "auto", "x86_64")
    assert found.cudnn == "9.20.0.48"
    assert "nvidia-cudnn-cu13 brings cuDNN 9.20.0.48." in found.why
    assert any("has kernels for 7.5, 8.0" in sentence for sentence in found.why)
    assert found.to_json()["cudnn"] == "9.20.0.48"
