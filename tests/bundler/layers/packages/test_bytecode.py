"""Bytecode: what the interpreter that compiles is refused is said in a line."""

import resource
import sys
from pathlib import Path

import pytest

from modelbundle.bundler.errors import BuildError, StoreError
from modelbundle.bundler.layers.packages.bytecode import Compiler


@pytest.fixture
def compiler():
    return Compiler(Path(sys.executable), "cpython-311", "3.11.7")


def test_what_cannot_be_written_is_told_with_its_reason(compiler, tmp_path):
    (tmp_path / "one.py").write_text("x = 1\n")
    (tmp_path / "file").touch()
    jobs = [(tmp_path / "one.py", "one.py", tmp_path / "file" / "one.pyc")]
    with pytest.raises(StoreError, match=r"compile the packages: `.*one\.pyc`: .* \(EEXIST\)\.$"):
        compiler.run(jobs, tmp_path)


def test_a_list_of_sources_that_cannot_be_written_is_told_with_its_folder(compiler, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(StoreError, match=f"`{tmp_path}`: File too large"):
            compiler.run([(tmp_path / "a.py", "a.py", tmp_path / "a.pyc")], tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_an_interpreter_that_fails_says_its_last_line(compiler, tmp_path):
    with pytest.raises(BuildError, match=r"cannot compile: ValueError: .*\.$") as caught:
        compiler.run([(tmp_path / "a\tb.py", "a", tmp_path / "a")], tmp_path)
    assert "Traceback" not in str(caught.value)


def test_an_interpreter_finds_its_library_where_the_environment_says(tmp_path, monkeypatch):
    """As the modules of a cluster say it, and `setup-python` in CI."""
    python = tmp_path / "python"
    wanted = '[ "$LD_LIBRARY_PATH" = /opt/libraries ] || exit 127'
    python.write_text(f'#!/bin/sh\n{wanted}\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/libraries")
    (tmp_path / "one.py").write_text("x = 1\n")
    jobs = [(tmp_path / "one.py", "one.py", tmp_path / "one.pyc")]
    Compiler(python, "cpython-311", "3.11.7").run(jobs, tmp_path)
    assert (tmp_path / "one.pyc").exists()
