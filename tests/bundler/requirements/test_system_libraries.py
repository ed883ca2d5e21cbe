"""What wheels need of the system is told when a bundle is built, not when its image starts."""

import pytest

from modelbundle.bundler.requirements import system_libraries
from modelbundle.bundler.requirements.resolving.accelerator import Accelerator

SLIM = Accelerator("cpu", "python:3.11-slim@sha256:" + "0" * 64, "slim")


def doubts(*packages, system=(), hardware=SLIM):
    return list(system_libraries.doubts(packages, system, hardware))


def test_what_the_base_image_lacks_is_told_with_the_line_that_brings_it():
    (told,) = doubts("LightGBM", "numpy")
    assert "`lightgbm` needs `libgomp.so.1`" in told
    assert "nor `python:3.11-slim` has" in told
    assert told.endswith("Add `system: {packages: [libgomp1]}`.")
    assert doubts("pyodbc", "lightgbm")[1].endswith("Add `system: {packages: [unixodbc]}`.")


def test_a_package_that_needs_nothing_is_named_first():
    (told,) = doubts("opencv_python")
    assert "Require `opencv-python-headless`, which needs none of it" in told
    assert told.endswith("or add `system: {packages: [libgl1, libglib2.0-0]}`.")
    assert doubts("opencv-python", system=["libgl1"]) == [told]
    assert not doubts("opencv-python", system=["libglib2.0-0", "libgl1"])
    assert not doubts("opencv-python-headless")


@pytest.mark.parametrize("system", ["libgomp1", "libgomp1=14.2.0-19"])
def test_what_the_bundlefile_installs_is_no_doubt(system):
    assert not doubts("lightgbm", system=["curl", system])


@pytest.mark.parametrize("flavor", ["own", "devel", "cudnn-devel"])
def test_an_image_of_the_author_or_with_a_compiler_may_have_it(flavor):
    assert not doubts("lightgbm", hardware=Accelerator("cpu", "mine:1", flavor))


def test_what_models_want_is_known_before_they_are_locked():
    assert system_libraries.wanted(["numpy", "LightGBM", "lightgbm"]) == ("libgomp1",)
