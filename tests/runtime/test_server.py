"""What keeps a server from running, in words."""

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from modelbundle.runtime.manifests.bundle_manifest import bundle_digest
from modelbundle.runtime.process.options import Options
from modelbundle.runtime.server import run


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            RuntimeError("can't start new thread"),
            "there may be no more threads.\nhint: See `ulimit",
        ),
        (MemoryError(), "there is not enough memory."),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "No space left on device (`/x`)."),
    ],
)
def test_what_a_machine_does_not_give_is_no_traceback(sums, monkeypatch, capfd, error, told):
    """As threads where `ulimit -u` is low: every file of a bundle is hashed by some."""
    bundle = sums()
    monkeypatch.setenv("BUNDLE_TRUST", bundle_digest(bundle))

    def refused(*_):
        raise error

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert run(Options(bundle, port=0)) == 1
    assert f"error: The server cannot run here: {told}" in capfd.readouterr().err


def test_what_is_our_own_fault_says_where(sums, monkeypatch):
    bundle = sums()
    monkeypatch.setenv("BUNDLE_TRUST", bundle_digest(bundle))

    def broken(*_):
        raise RuntimeError("something else")

    monkeypatch.setattr(threading.Thread, "start", broken)
    with pytest.raises(RuntimeError, match="something else"):
        run(Options(bundle, port=0))


HASTY = """
import os
import signal
import sys
from pathlib import Path

from modelbundle.runtime import trust
from modelbundle.runtime.process.options import Options
from modelbundle.runtime.server import run

verify = trust.verify


def asked(*given):
    os.kill(os.getpid(), signal.SIGHUP)
    verify(*given)


trust.verify = asked
sys.exit(run(Options(Path(sys.argv[1]), port=0, workers=1)))
"""


def test_a_restart_that_is_asked_for_before_anybody_can_obey_follows_the_start(sums):
    bundle = sums()
    variables = os.environ | {"BUNDLE_TRUST": bundle_digest(bundle)}
    command = [sys.executable, "-c", HASTY, bundle]
    with subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True) as server:
        said = []
        for line in server.stderr:
            said.append(line)
            if "The new processes serve" in line:
                server.terminate()
        assert server.wait(60) == 0, said


FIRST = """
import runpy, sys, time, types

slow = types.ModuleType("modelbundle.runtime.server")
slow.main = lambda: print("importing", flush=True) or time.sleep(600)
sys.modules[slow.__name__] = slow
runpy.run_module("modelbundle.runtime", run_name="__main__")
"""


@pytest.mark.skipif(
    subprocess.run(["unshare", "-Urpf", "true"], capture_output=True, check=False).returncode != 0,
    reason="no namespace of processes can be made here",
)
def test_the_first_process_of_a_container_stops_at_sigterm_before_it_serves():
    command = ["unshare", "-Urpf", "--kill-child", sys.executable, "-c", FIRST]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as outer:
        assert outer.stdout.readline() == "importing\n"
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        try:
            assert outer.wait(20) == 0
        finally:
            outer.kill()
