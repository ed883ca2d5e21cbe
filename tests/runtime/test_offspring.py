"""What a model's own code forks can be ended by whoever forked it."""

import subprocess
import sys

CODE = """
import multiprocessing
import signal

from modelbundle.runtime import offspring

signal.signal(signal.SIGTERM, lambda *_: None)
offspring.obey()
with multiprocessing.get_context("fork").Pool(1) as pool:  # ends its worker by a SIGTERM
    print(pool.map(abs, [-1]), signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL)
"""


def test_a_pool_can_end_its_workers_though_we_ignore_sigterm():
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "[1] True\n"
