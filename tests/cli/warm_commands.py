"""Warm commands: `bundle` from a process that has imported it already.

Each command is a process of its own, forked from one that has done the imports, which are most of
a short command. `bundle serve` is forked from another, which has imported the runtime, too.
"""

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

from ..runtime.servers import IMPORTED as SERVER
from ..warm_process import warm_process

BUNDLE = str(Path(sys.executable).parent / "bundle")
IMPORTED = (
    "cli.main", "cli.app", "cli.invocation", "bundler.store", "bundler.store.upkeep.upkeep",
    "bundler.archives", "bundler.registry.pulling", "bundler.registry.pushing",
    "bundler.building.contents.sbom", "bundler.signing.policy", "bundler.difference",
    "bundler.doctor",
)  # fmt: skip
SERVES = (
    *IMPORTED,
    "cli.serving.served",
    "bundler.serving.serving",
    *(f"runtime.{name}" for name in SERVER),
)


def warm_commands():
    """The process that they are forked from."""
    return warm_process(*(f"modelbundle.{name}" for name in IMPORTED))


def start_serve(arguments, *, cwd, environment):
    """Start `bundle serve`: a program with the pipes `stdout` and `stderr`; None where it cannot."""
    warm = warm_process(*(f"modelbundle.{name}" for name in SERVES))
    if not warm.takes(environment):
        return None
    taken, given = zip(*(os.pipe() for _ in range(2)), strict=True)
    with Path(os.devnull).open("rb") as nothing:
        streams = [nothing.fileno(), *given]
        line = [BUNDLE, *arguments]
        program = warm.start(line, cwd=cwd, environment=environment, streams=streams)
    for number in given:
        os.close(number)
    program.stdout, program.stderr = (os.fdopen(number) for number in taken)
    return program


def run_warm(arguments, *, cwd, environment, stdin):
    """Run one command to its end; its exit code, and all of its stdout and stderr."""
    taken, given = zip(*(os.pipe() for _ in range(3)), strict=True)
    streams = [taken[0], given[1], given[2]]
    line = [BUNDLE, *arguments]
    program = warm_commands().start(line, cwd=cwd, environment=environment, streams=streams)
    for number in streams:
        os.close(number)
    found = {}
    work = [
        threading.Thread(target=_write, args=(given[0], stdin)),
        *(threading.Thread(target=_read, args=(taken[n], found, n)) for n in (1, 2)),
    ]
    for thread in work:
        thread.start()
    code = program.wait()
    for thread in work:
        thread.join()
    return code, found[1].decode(), found[2].decode()


def _write(number, text):
    with suppress(BrokenPipeError), os.fdopen(number, "wb") as pipe:  # it need not read all
        pipe.write(text.encode())


def _read(number, found, which):
    with os.fdopen(number, "rb") as pipe:
        found[which] = pipe.read()
