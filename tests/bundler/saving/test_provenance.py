"""Provenance: which installed distribution a module is of, found without reading each file list."""

import sys
from importlib import metadata

import pytest

from modelbundle.bundler.saving import provenance


def test_each_module_that_is_installed_here_is_of_who_brings_it():
    """As the standard library finds it, which takes twenty times as long."""
    known = metadata.packages_distributions()
    names = [name for name in known if name.isidentifier() and name not in sys.stdlib_module_names]
    first = {min(known[name]) for name in names if name != "modelbundle"}
    found = provenance.packages(names)
    assert len(first) > 50
    assert (
        found.items() == {name: metadata.version(name).partition("+")[0] for name in first}.items()
    )


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution's notes on the path."""
    monkeypatch.syspath_prepend(tmp_path)

    def run(folder, name, **files):
        place = tmp_path / folder
        place.mkdir()
        about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0+cpu\n"
        is_egg = folder.endswith(".egg-info")
        (place / ("PKG-INFO" if is_egg else "METADATA")).write_text(about)
        for file, text in files.items():
            (place / {"record": "RECORD"}.get(file, f"{file}.txt")).write_text(text)

    return run


def test_what_lies_in_a_distribution_tells_its_modules(install):
    record = "one/deep/a.py,,\ntwo.py,,\nthree.cpython-311-x86_64-linux-gnu.so,,\n"
    install("some_rows-1.0.dist-info", "some-rows", record=f"{record}four/data.bin,,\nfive.txt,,\n")
    assert provenance.packages(["one"]) == {"some-rows": "1.0"}
    assert provenance.packages(["two"]) == {"some-rows": "1.0"}
    assert provenance.packages(["three"]) == {"some-rows": "1.0"}
    assert provenance.packages(["four", "five", "tw", "deep", "e.deep"]) == {}


def test_what_a_distribution_declares_is_what_it_has(install):
    install(
        "some_rows-1.0.dist-info", "some-rows", record="tests/a.py,,\n", top_level="one\n_two\n"
    )
    assert provenance.packages(["one", "_two", "tests"]) == {"some-rows": "1.0"}
    assert provenance.packages(["tests"]) == {}


def test_the_first_of_several_that_share_a_name_is_named(install):
    for name in ("rows-cpu", "rows_all"):
        install(f"{name.replace('-', '_')}-1.0.dist-info", name, record="rows/a.py,,\n")
    assert provenance.packages(["rows"]) == {"rows-cpu": "1.0"}


def test_a_package_of_a_system_has_a_list_of_its_own(install):
    install("SomeRows-1.0.egg-info", "SomeRows", SOURCES="setup.py\nrows/__init__.py\nrows/a.py\n")
    found = provenance.packages(["rows"])
    known = metadata.packages_distributions()
    assert set(found) == set(known.get("rows", ()))
