"""What ends the process that loads a model ends no command without a word."""

import signal
from pathlib import Path

import pytest

FALLS = """
import os, signal


class Model:
    def __init__(self, number):
        os.kill(os.getpid(), number)
"""


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL"])
def test_a_model_that_ends_its_process_is_told_of(bundle, tmp_path, name):
    (tmp_path / "falls.py").write_text(f"{FALLS}\n\nmodel = Model(signal.{name})\n")
    done = bundle("save", "iris", "falls:model", code=1)
    assert f"`falls:model` died of {name} (signal " in done.err
    assert "Nothing was saved." in done.err
    assert done.err.count("error:") == 1
    assert not bundle("models", "list", "--json").json["models"]


def test_what_was_saved_before_is_said_to_be(bundle, tmp_path):
    """A library that falls over its own end, for example."""
    late = "import atexit\natexit.register(os.abort)\nmodel = {'a': 1}\n"
    (tmp_path / "late.py").write_text(FALLS + late)
    done = bundle("save", "iris", "late:model", code=1)
    assert "died of SIGABRT (signal 6). It was saved before." in done.err
    assert bundle("models", "list", "--json").json["models"]


def test_a_fork_without_a_model_leaves_as_ever(bundle):
    assert "There is no module" in bundle("save", "iris", "nothing:model", code=1).err


STUCK = """
import ctypes, os, pathlib

pathlib.Path("begun").write_text(str(os.getpid()))
library, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
while True:  # never returns from C, whatever signal comes
    library.pthread_mutex_lock(mutex)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_library_that_hears_no_signal_is_ended_all_the_same(
    number, bundle, plain, started, eventually
):
    """It calculated on behind a command that only SIGKILL ended, and after that."""
    (plain / "stuck.py").write_text(STUCK)
    with started("save", "iris", "stuck:model") as (process, talk):
        pid = eventually(lambda: (plain / "begun").exists() and (plain / "begun").read_text())
        process.send_signal(number)
        assert process.wait(90) == 128 + number
    assert "`stuck:model` did not end, and was killed. Nothing was saved." in "".join(talk)
    assert not Path(f"/proc/{pid}").exists()
    assert not bundle("models", "list", "--json").json["models"]
