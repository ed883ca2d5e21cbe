"""Whether a template has one thread, as far as it can be known."""

import os
import subprocess
import sys
import threading

import pytest

from modelbundle.runtime.process.machine.thread_count import VARIABLES
from modelbundle.runtime.process.workers import template

ASKED = "from modelbundle.runtime.process.workers import template as t; print(t._has_one_thread())"
HIDDEN = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]


def asked(*prefix):
    quiet = os.environ | dict.fromkeys(VARIABLES, "1")  # else NumPy's library has threads
    command = [*prefix, sys.executable, "-c", ASKED]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)


def test_a_process_that_begins_has_one():
    assert asked().stdout == "True\n"


def test_one_that_has_started_another_has_two():
    gate = threading.Event()
    other = threading.Thread(target=gate.wait)
    other.start()
    try:
        assert not template._has_one_thread()
    finally:
        gate.set()
        other.join()


def test_where_there_is_no_proc_nobody_knows():
    try:
        hidden = subprocess.run([*HIDDEN, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("There is no `unshare` here.")
    if hidden.returncode:
        pytest.skip("This user may not have a mount namespace.")
    answer = asked(*HIDDEN)
    assert (answer.stdout, answer.stderr) == ("False\n", "")
