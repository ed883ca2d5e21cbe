"""`bundle export`: files, directories, a pipe; and what it says."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

BUNDLE = str(Path(sys.executable).parent / "bundle")


def test_the_file_is_told_with_the_next_command(shop, tmp_path):
    done = shop("export", "twice", tmp_path / "twice.tar")
    assert done.out.startswith(f"Exported `{shop.tag}` (")
    assert done.out.endswith(f"to `{tmp_path}/twice.tar`.\n")
    assert f"next: bundle import {tmp_path}/twice.tar" in done.err
    assert (tmp_path / "twice.tar").stat().st_mode & 0o111 == 0


def test_the_next_command_can_be_pasted_whatever_the_file_is_called(shop, tmp_path):
    done = shop("export", "bundle:twice", tmp_path / "my shop.tar")
    assert f"next: bundle import '{tmp_path}/my shop.tar'" in done.err


def test_a_file_with_a_leading_dash_is_told_as_one(shop, bundle):
    done = bundle("export", "--", "bundle:twice", "-x.tar", BUNDLE_HOME=str(shop.home))
    assert "next: bundle import ./-x.tar" in done.err


def test_json_says_the_item_and_where_it_went(shop, tmp_path):
    said = shop("models", "export", "double", tmp_path / "layout", "--json").json
    assert said["tag"] == shop.model
    assert (said["destination"], said["format"]) == (str(tmp_path / "layout"), "oci")
    assert json.loads((tmp_path / "layout/oci-layout").read_text())


def test_stdout_is_the_archive_and_nothing_else(shop, tmp_path):
    shop("export", "twice", tmp_path / "twice.tar")
    done = subprocess.run(
        [BUNDLE, "export", "twice", "-"],
        capture_output=True,
        check=True,
        env=os.environ | {"BUNDLE_HOME": str(shop.home)},
    )
    assert done.stdout == (tmp_path / "twice.tar").read_bytes()
    assert b"Exported" in done.stderr


def test_a_reader_that_leaves_is_no_traceback(shop):
    command = f"{BUNDLE} export twice - | head -c 10 >/dev/null"
    done = subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"BUNDLE_HOME": str(shop.home)},
    )
    assert "Traceback" not in done.stderr


def test_an_archive_is_nothing_for_a_terminal(shop):
    leader, follower = pty.openpty()
    done = subprocess.run(
        [BUNDLE, "export", "twice", "-"],
        stdout=follower,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=os.environ | {"BUNDLE_HOME": str(shop.home)},
    )
    os.close(leader)
    os.close(follower)
    assert done.returncode == 2
    assert "terminal" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["export", "nothing", "x.tar"], 1, "nothing"),
        (["export", "twice", "x.tar.gz"], 2, "--format"),
        (["export", "twice", "/nowhere/x.tar"], 2, "`/nowhere` is not a directory"),
        (["export", "twice", "/proc/x.tar"], 1, "Could not write the archive"),
        (["export", "twice", "-", "--json"], 2, "--json"),
        (["models", "export", "twice", "x.tar"], 1, "No model"),
        (["export", "twice", "x", "--format", "rar"], 2, "rar"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(arguments, code, said, shop):
    done = shop(*arguments, code=code)
    assert said in done.err
    assert done.err.count("error:") == (0 if "--json" in arguments else 1) or "--json" in arguments
