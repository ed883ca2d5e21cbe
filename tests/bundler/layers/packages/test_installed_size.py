"""What packages will take in an image, from those that are installed here."""

from importlib import metadata

from modelbundle.bundler.layers.packages.installed_size import installed_size


def test_the_size_is_that_of_the_files_here_and_compiled_ones_are_counted():
    pins = {"joblib": metadata.version("joblib")}
    files = [file for file in metadata.files("joblib") if "__pycache__" not in file.parts]
    sources = sum(file.size or 0 for file in files if file.suffix == ".py")
    plain = installed_size(pins, is_compiled=False)
    compiled = installed_size(pins, is_compiled=True)
    assert plain >= sum(file.size or 0 for file in files if file.parts[0] != "..")
    assert 1.5 * sources < compiled - plain < 2.5 * sources


def test_a_packages_own_tests_are_not_compiled():
    pins = {"pandas": metadata.version("pandas")}
    sources = [file for file in metadata.files("pandas") if file.suffix == ".py"]
    size = sum(file.size or 0 for file in sources if "tests" not in file.parts)
    assert size < sum(file.size or 0 for file in sources) / 2
    compiled = installed_size(pins, is_compiled=True) - installed_size(pins, is_compiled=False)
    assert 1.5 * size < compiled < 2.5 * size


def test_another_version_is_not_known():
    assert installed_size({"joblib": "0.0.1"}, is_compiled=False) is None
    assert installed_size({"no-such-package": "1"}, is_compiled=True) is None
