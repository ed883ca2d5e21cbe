"""Lag: how long the event loop of a process is not its own, a thousand times a second.

Python imports this by its name where its directory is in PYTHONPATH. Each process with a loop
writes to `$LAG_FILE.PID`: the time, by how much a timer was late, and the processor seconds that
the loop's thread has spent since the last one.
"""

import os
import struct
import time
from pathlib import Path

import uvloop

PERIOD = 0.001  # seconds
_begin = uvloop.Loop.run_until_complete


def _measured(loop, future):
    if not hasattr(loop, "measured"):
        loop.measured = True
        _measure(loop)
    return _begin(loop, future)


def _measure(loop):
    path = Path(f"{os.environ['LAG_FILE']}.{os.getpid()}")
    file = path.open("wb", buffering=1 << 12)
    due, spent = time.monotonic(), time.thread_time()

    def tick():
        nonlocal due, spent
        now = time.monotonic()
        file.write(struct.pack("3d", now, now - due, time.thread_time() - spent))
        due, spent = time.monotonic() + PERIOD, time.thread_time()
        loop.call_later(PERIOD, tick)

    loop.call_soon(tick)


if "LAG_FILE" in os.environ:
    uvloop.Loop.run_until_complete = _measured
