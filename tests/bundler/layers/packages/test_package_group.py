"""Groups of packages: a version of a small one moves no framework."""

import pytest

from modelbundle.bundler.layers.packages.package_group import group_of, grouped


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("nvidia-cublas-cu12", "cuda"),
        ("triton", "cuda"),
        ("torch", "frameworks"),
        ("onnxruntime-gpu", "frameworks"),
        ("scikit-learn", "frameworks"),
        ("torchmetrics", "packages"),
        ("starlette", "packages"),
    ],
)
def test_heavy_packages_lie_below_the_others(name, group):
    assert group_of(name) == group


def test_groups_come_from_the_bottom_up_and_empty_ones_not_at_all():
    assert grouped(["uvicorn", "torch", "click"]) == {
        "frameworks": ["torch"],
        "packages": ["click", "uvicorn"],
    }
