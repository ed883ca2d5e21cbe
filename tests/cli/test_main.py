"""Exit codes by their real causes, and that an interrupted command leaves in order."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from modelbundle.cli import main

SLOW = "import time\nprint('loading', flush=True)\ntime.sleep(60)\n"


def test_1_not_found(bundle):
    assert bundle("show", "nothing", code=1).err.startswith("error: No model or bundle is tagged")


def test_2_a_name_that_cannot_be_one(bundle):
    bundle("show", "Not A Name", code=2)


def test_3_a_wrong_bundlefile_with_every_problem_and_its_place(bundle, plain):
    (plain / "bundlefile.yaml").write_text("name: Twice!\nmodls: [double]\nserve: {port: x}\n")

    wrong = bundle("build", "--json", code=3)

    assert wrong.json["exit_code"] == 3
    assert len(wrong.json["problems"]) >= 3
    assert {problem["line"] for problem in wrong.json["problems"]} >= {1, 2, 3}
    assert "bundlefile.yaml:2:1: " in wrong.err


def test_4_requirements_that_cannot_be_resolved(bundle, plain, double, index):
    (plain / "bundlefile.yaml").write_text(
        "name: twice\nmodels: [double]\npython: {requirements: ['idna>99999']}\n"
    )

    assert "idna" in bundle("lock", code=4).err


def test_5_a_version_that_exists_with_other_content(bundle, plain):
    bundle("save", "double", "train:model", "--version", "1")
    (plain / "train.py").write_text("def model(rows):\n    return rows\n")

    assert "double:1" in bundle("save", "double", "train:model", "--version", "1", code=5).err


def test_6_damaged_bytes(shop, copy):
    broken = copy(shop)
    damage(broken.home)

    found = broken("verify", "--json", code=6)

    assert found.json["damaged"]
    assert found.json["ok"] is False
    assert "bundle verify --repair" in found.err


def test_7_no_engine(shop):
    refused = shop("containerize", "twice", code=7, DOCKER_HOST="unix:///nonexistent")

    assert "unix:///nonexistent" in refused.err
    assert "hint: " in refused.err


def damage(home):
    """Turn one byte of the model around, as a bad disk does."""
    blob = max((home / "blobs" / "sha256").rglob("*"), key=lambda path: path.stat().st_size)
    blob.chmod(0o644)
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.write_bytes(content)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_while_the_model_is_imported_is_one_line(
    number, code, plain, started, home, eventually
):
    (plain / "train.py").write_text(SLOW)
    with started("save", "slow", "train:model", "--json") as (process, talk):
        eventually(lambda: "loading\n" in talk)  # no part of the result
        process.send_signal(number)
        assert process.wait(90) == code
        assert json.loads(process.stdout.read())["exit_code"] == code
    assert [line for line in talk if line.startswith("error: ")] == talk[-1:]
    assert list((home / "tmp").glob("*")) == []


def test_ctrl_c_while_a_server_is_started_for_a_prediction_ends_both(plain, started, eventually):
    (plain / "train.py").write_text(
        "class Slow:\n"
        "    def predict(self, rows):\n        return rows\n"
        "    def __setstate__(self, state):\n"
        "        import time, pathlib\n"
        f"        pathlib.Path({str(plain / 'loading')!r}).write_text(str(__import__('os').getpid()))\n"
        "        time.sleep(60)\n"
        "model = Slow()\nmodel.size = 1\n"
    )
    with started("save", "slow", "train:model") as (process, _):
        assert process.wait(90) == 0
    with started("predict", "model:slow", "--data=sample.json") as (process, talk):
        pid = int(
            eventually(lambda: (plain / "loading").exists() and (plain / "loading").read_text())
        )
        process.send_signal(signal.SIGINT)
        assert process.wait(90) == 130
    assert "".join(talk).count("error: ") == 1
    eventually(lambda: not Path(f"/proc/{pid}").exists())


def test_debug_shows_the_traceback_and_no_warning_of_a_library_comes_first(tmp_path):
    done = subprocess.run(
        [str(Path(sys.executable).parent / "bundle"), "show", "nothing"],
        env=os.environ | {"BUNDLE_DEBUG": "1", "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Traceback" in done.stderr
    assert "NotFound" in done.stderr


DEAF = """
import os, sys, time

from modelbundle.cli import main as cli


class Deaf:
    def __del__(self):
        os.kill(os.getpid(), 15)  # what the signal raises here is dropped


def run(arguments):
    Deaf()
    time.sleep(160)
    return 0


cli._run = run
cli.main()
"""


def test_a_signal_that_python_drops_is_obeyed_a_moment_later():
    done = subprocess.run(
        [sys.executable, "-c", DEAF], capture_output=True, text=True, timeout=150, check=False
    )

    assert done.returncode == 143
    assert done.stderr == "error: Terminated; nothing half-done was left behind.\n"


@pytest.mark.parametrize("command", ["doctor", "save double train:model", "init"])
def test_a_working_directory_that_is_gone_is_said(command, tmp_path):
    (tmp_path / "gone").mkdir()
    bundle = Path(sys.executable).parent / "bundle"
    done = subprocess.run(
        ["bash", "-c", f"cd gone && rmdir ../gone && {bundle} {command}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.endswith(
        "error: The working directory is gone.\nhint: Go to another one with `cd`.\n"
    )


def test_a_full_disk_comes_with_what_mends_it(monkeypatch, capsys):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("modelbundle.cli.invocation.invoke", full)

    assert main._run([]) == 1
    assert "error: No space left on device.\nhint: Make room" in capsys.readouterr().err
