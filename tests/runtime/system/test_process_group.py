"""What a model's own code forks can be ended by whoever forked it, and outlives nobody."""

import os
import signal
import subprocess
import sys

from ..conftest import Sums, wait_until
from ..process.watched import alive

CODE = """
import multiprocessing
import signal

from modelbundle.runtime.system import process_group

signal.signal(signal.SIGTERM, lambda *_: None)
process_group.reset_signals_in_forks()
with multiprocessing.get_context("fork").Pool(1) as pool:  # ends its worker by a SIGTERM
    print(pool.map(abs, [-1]), signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL)
"""


def test_a_pool_can_end_its_workers_though_we_ignore_sigterm():
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "[1] True\n"


EARLY = """
import os
import signal

from modelbundle.runtime.system import process_group

signal.signal(signal.SIGTERM, lambda *_: None)
os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))
process_group.reset_signals_in_forks()
pid = os.fork()
if pid == 0:
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), signal.pthread_sigmask(0, ()))
"""


def test_a_child_that_is_ended_as_soon_as_it_is_forked_ends():
    """Its signals wait until it handles them by default, and those of its parent go on."""
    command = [sys.executable, "-c", EARLY]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == f"{-signal.SIGTERM} set()\n"


class Forks(Sums):
    """Forks a process that is there for ever; answers with its own number and with that."""

    def predict(self, rows):
        import os
        import signal
        import time

        if rows[0, 0] == 0:
            return rows.sum(axis=1)
        pid = os.fork()
        if pid == 0:
            if rows[0, 0] == 2:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                time.sleep(60)
        return rows.sum(axis=1) * 0 + [os.getpid(), pid]


def test_what_a_model_has_started_ends_with_its_process(make_bundle, servers):
    server = servers.start(make_bundle(Forks()), "--workers=1")
    model, forked = server.post([[1, 0], [1, 0]]).json()["predictions"]
    os.kill(int(model), signal.SIGKILL)
    wait_until(lambda: not alive(int(forked)))
    model, deaf = server.post([[2, 0], [2, 0]]).json()["predictions"]
    assert alive(int(deaf))
    assert server.stop() == 0
    assert not alive(int(model))
    wait_until(lambda: not alive(int(deaf)))
