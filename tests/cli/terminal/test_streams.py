"""Pipes that close, streams that are not there, disks that are full, terminals of any kind."""

import json
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

import pytest

BUNDLE = str(Path(sys.executable).parent / "bundle")


def shell(line, cwd, **variables):
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line.replace("bundle ", f"{BUNDLE} ", 1)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | variables,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done


@pytest.mark.parametrize("line", ["bundle schema | head -1", "bundle --help | true"])
def test_a_reader_that_leaves_is_no_error(line, tmp_path):
    done = shell(line, tmp_path)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("closing", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_a_closed_stream_is_as_good_as_none(closing, tmp_path):
    assert shell(f"bundle doctor {closing}", tmp_path).returncode == 0


@pytest.mark.parametrize("command", ["--version", "--help", "schema"])
def test_a_closed_stdout_is_as_good_as_none_for_what_is_only_printed(command, tmp_path):
    done = shell(f"bundle {command} >&-", tmp_path)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "command",
    ["doctor", "doctor --json", "schema", "--help", "models list --help", "--version", "-V"],
)
def test_a_result_that_cannot_be_written_is_an_error(command, tmp_path):
    done = shell(f"bundle {command} >/dev/full", tmp_path)

    assert done.returncode == 1
    assert "error: The result cannot be written: No space left on device.\n" in done.stderr


ANSWERED = """
from modelbundle.cli.commands.server import answered
from modelbundle.cli.terminal.console import Console
from modelbundle.runtime.errors import BundleError
try:
    answered.say(answered.Answer(200, b"\\x93NUMPY", "application/x-npy"), Console(), {})
except BundleError as error:
    raise SystemExit(str(error))
"""


def test_bytes_that_cannot_be_written_are_an_error_like_a_text(tmp_path):
    line = shlex.join([sys.executable, "-c", ANSWERED])

    done = shell(f"{line} >/dev/full", tmp_path)

    assert (done.returncode, done.stderr) == (
        1,
        "The result cannot be written: No space left on device.\n",
    )
    assert shell(f"{line} | tail -c 5", tmp_path).stdout == "NUMPY"


def test_talk_that_cannot_be_written_does_not_stop_the_work(plain, tmp_path):
    done = shell("bundle save double train:model --json 2>/dev/full", tmp_path)

    assert done.returncode == 0
    assert json.loads(done.stdout)["name"] == "double"


@pytest.mark.parametrize("variables", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}], ids=str)
def test_any_text_is_said_in_any_encoding(variables, tmp_path):
    done = shell("bundle save 'x' 'tr\u00e4in:model' --json", tmp_path, **variables)

    assert done.returncode == 1
    assert json.loads(done.stdout)["error"] == "There is no module `tr\u00e4in` here."


def test_a_name_that_is_no_text_is_an_error_like_any_other(tmp_path):
    done = subprocess.run(
        [BUNDLE.encode(), b"show", b"\xff\xfe", b"--json"],
        capture_output=True,
        cwd=tmp_path,
        check=False,
    )

    assert done.returncode == 2
    assert "not a valid name" in json.loads(done.stdout)["error"]


def on_terminal(arguments, cwd, columns=80, **variables):
    """What a person sees on a terminal that is `columns` wide, and the exit code."""
    pid, descriptor = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        settings = (
            {"TERM": "xterm-256color"} | os.environ | {"BUNDLE_HOME": os.environ["BUNDLE_HOME"]}
        )
        settings |= variables
        os.execve(BUNDLE, [BUNDLE, *arguments], settings)
    ioctl(descriptor, TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    seen = b""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(descriptor)
    return seen.decode().replace("\r\n", "\n"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_terminal_gets_color_and_no_color_takes_it_away(tmp_path):
    colored, code = on_terminal(["show", "nothing"], tmp_path)
    assert code == 1
    assert "\x1b[1;31merror:\x1b[0m No model" in colored

    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in on_terminal(["show", "nothing"], tmp_path, **variables)[0]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_list_keeps_within_the_terminal(columns, shop):
    seen, code = on_terminal(
        ["list"],
        shop.project,
        columns,
        BUNDLE_HOME=str(shop.home),
        NO_COLOR="1",
        COLUMNS=str(columns),
    )

    assert code == 0
    assert shop.tag in seen
    whole = 80  # the cells of a row, none of which is broken
    assert max(map(len, seen.splitlines())) <= max(columns, whole)


def test_progress_leaves_nothing_behind_on_a_terminal(shop):
    seen, code = on_terminal(["verify"], shop.project, BUNDLE_HOME=str(shop.home))

    assert code == 0
    last = re.split(r"\x1b\[\d*[A-Za-z]|\n|\r", seen.rstrip())[-1]
    assert last == "Every model and bundle is as it was stored."


def test_delete_asks_on_a_terminal_and_keeps_what_is_not_confirmed(shop, copy):
    mine = copy(shop)
    given = {"BUNDLE_HOME": str(mine.home), "NO_COLOR": "1"}
    pid, descriptor = pty.fork()
    if pid == 0:
        os.chdir(mine.project)
        os.execve(BUNDLE, [BUNDLE, "models", "delete", "double"], os.environ | given)
    seen = b""
    while b"?" not in seen:
        seen += os.read(descriptor, 1000)
    os.write(descriptor, b"n\n")
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(descriptor)

    assert code == 1
    assert mine("models", "list", "--json").json["models"]
