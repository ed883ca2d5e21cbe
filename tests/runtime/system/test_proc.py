"""What the kernel says of processes that are there, and of one that is not."""

import os
import subprocess
import sys
import time

from modelbundle.runtime.system import proc


def test_memory_and_time_of_this_process():
    began = proc.processor_seconds(os.getpid())
    while proc.processor_seconds(os.getpid()) <= began:
        pass
    assert 1 << 20 < proc.proportional(os.getpid()) <= proc.resident(os.getpid())
    assert proc.processor_seconds(os.getpid()) <= time.process_time() + 1.0


def test_of_a_process_that_has_gone_nothing_is_known():
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    assert (proc.resident(gone.pid), proc.proportional(gone.pid)) == (0, 0)
    assert proc.processor_seconds(gone.pid) == 0.0
