"""The process of the load generator: JSON orders on stdin, tallies on stdout.

    {"target": [host, port], "path": "/predict", "requests": [...]}    what to ask from now on
    {"load": {...}}                                                     one round; answered

A line that comes during a round ends it. So does the end of stdin: without its parent the
generator asks nobody anything.
"""

import ctypes
import gc
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Any

from ..subject.bench_request import BenchRequest
from .checker import Checker
from .load import Load
from .traffic import Traffic

_PR_SET_TIMERSLACK = 29
_STDIN = 0


def main() -> None:
    """Follow the orders until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    _prepare()
    address: tuple[str, int] = ("127.0.0.1", 0)
    requests, checker = [b""], Checker([])
    for order in _orders():
        if "requests" in order:
            address = (str(order["target"][0]), int(order["target"][1]))
            host = f"[{address[0]}]" if ":" in address[0] else address[0]
            parsed = [BenchRequest.from_json(one) for one in order["requests"]]
            requests = [one.encode(f"{host}:{address[1]}", order["path"]) for one in parsed]
            checker = Checker(parsed)
            continue
        load = Load.from_json(order["load"])
        tally = Traffic(address, requests, checker, load, _STDIN).run()
        sys.stdout.write(json.dumps(tally.to_json()) + "\n")
        sys.stdout.flush()


def _prepare() -> None:
    """Wake up on time, open as many connections as we may, never stop to collect garbage."""
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.disable()


def _orders() -> Iterator[dict[str, Any]]:
    """Each line of stdin, read no further than its end: `Traffic` watches for the next."""
    rest = b""
    while data := os.read(_STDIN, 1 << 20):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if line != STOP:
                yield json.loads(line)


STOP = b"stop"

if __name__ == "__main__":
    main()
