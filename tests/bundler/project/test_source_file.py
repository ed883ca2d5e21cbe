"""Single files on their way into a bundle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.project.source_file import (
    SourceFile,
    check_secrets,
    is_portable,
    same_name,
)


@given(st.text())
def test_a_portable_name_prints_on_one_line(name):
    if is_portable(name):
        assert len(f"x{name}x".splitlines()) == 1
        assert "\\" not in name
        name.encode()


def test_a_binary_file_is_not_searched(tmp_path):
    path = tmp_path / "weights.bin"
    path.write_bytes(b"\0\0AKIAIOSFODNN7EXAMPLE")
    assert not list(check_secrets(SourceFile("weights.bin", path, executable=False)))


def test_a_secret_behind_other_bytes_has_its_line(tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(b"\xff\xfe\n\n\ntoken = 'ghp_" + b"a" * 36 + b"'\n")
    ((message, _),) = check_secrets(SourceFile("a.py", path, executable=False))
    assert message == "a.py:4: this looks like a token of GitHub."


@pytest.mark.parametrize("names", [["a", "b"], ["a/b", "a/c"], []])
def test_different_names_are_no_problem(tmp_path, names):
    assert not list(same_name(SourceFile(name, tmp_path, executable=False) for name in names))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_a_secret_in_a_file_of_windows_is_found(tmp_path, encoding):
    """PowerShell's `>` writes UTF-16."""
    path, mark = tmp_path / "key.txt", "" if encoding == "utf-16" else "\ufeff"
    path.write_bytes(f"{mark}one\r\nghp_{'a' * 36}\r\n".encode(encoding))
    ((message, _),) = check_secrets(SourceFile("key.txt", path, executable=False))
    assert message == "key.txt:2: this looks like a token of GitHub."
