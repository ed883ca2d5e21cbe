"""Warm commands: `bundle` from a process that has imported it already.

Each command is a process of its own, as `bundle` is: with its streams, directory, environment and
exit code. It is forked from one that has done the imports, which are most of a short command.
"""

import gc
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import types
from contextlib import suppress
from pathlib import Path

BUNDLE = str(Path(sys.executable).parent / "bundle")
# What the interpreter, or a library while it is imported, reads from the environment.
READ_AT_START = ("PYTHON", "LANG", "LC_", "MALLOC_", "LD_")
IMPORTED = (
    "cli.app", "cli.invocation", "bundler.store", "bundler.store.upkeep.upkeep", "bundler.archives",
    "bundler.registry.pulling", "bundler.registry.pushing", "bundler.building.contents.sbom",
    "bundler.signing.policy", "bundler.difference", "bundler.doctor",
)  # fmt: skip


class WarmCommands:
    """The process that forks commands; it ends when it is closed, or with this process."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory()
        self._place = f"{self._folder.name}/socket"
        line = [sys.executable, __file__, self._place]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(line, **pipes)
        assert self._process.stdout.readline() == b"ready\n"
        self._start = _read_at_start(os.environ)

    def takes(self, environment):
        """Whether a command with this environment can be forked."""
        return _read_at_start(environment) == self._start

    def run(self, arguments, *, cwd, environment, stdin):
        """Run one command to its end; its exit code, and all of its stdout and stderr."""
        taken, given = zip(*(os.pipe() for _ in range(3)), strict=True)
        request = {"arguments": arguments, "cwd": str(cwd), "environment": dict(environment)}
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self._place)
            files = [taken[0], given[1], given[2]]
            socket.send_fds(connection, [b"?"], files)
            connection.sendall(json.dumps(request).encode() + b"\n")
            for number in files:
                os.close(number)
            found = {}
            work = [
                threading.Thread(target=_write, args=(given[0], stdin)),
                *(threading.Thread(target=_read, args=(taken[n], found, n)) for n in (1, 2)),
            ]
            for thread in work:
                thread.start()
            status = connection.makefile("rb").read()
            for thread in work:
                thread.join()
        return int(status), found[1].decode(), found[2].decode()

    def close(self):
        """End the process."""
        self._process.stdin.close()
        self._process.wait(90)
        self._process.stdout.close()
        self._folder.cleanup()


def _read_at_start(environment):
    return {name: text for name, text in environment.items() if name.startswith(READ_AT_START)}


def _write(number, text):
    with suppress(BrokenPipeError), os.fdopen(number, "wb") as pipe:  # it need not read all
        pipe.write(text.encode())


def _read(number, found, which):
    with os.fdopen(number, "rb") as pipe:
        found[which] = pipe.read()


def serve(place):
    """Fork a command for each connection, until stdin ends."""
    from importlib import import_module

    for name in IMPORTED:
        import_module(f"modelbundle.{name}")
    assert "numpy" not in sys.modules, "its threads would not survive the fork"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen(64)
    gc.freeze()  # its collector need not touch, and so copy, what all share
    os.write(1, b"ready\n")  # `sys.stdout` is for the commands
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _attend(connection)
        connection.close()
        while _reaped():
            pass


def _reaped():
    try:
        return os.waitpid(-1, os.WNOHANG)[0]
    except ChildProcessError:
        return 0


def _attend(connection):
    """Start the command of a connection, wait for it and report how it ended."""
    _, files, _, _ = socket.recv_fds(connection, 1, 3)
    request = json.loads(connection.makefile("rb").readline())
    child = os.fork()
    if child == 0:
        connection.close()
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        _become(**request)
    for file in files:
        os.close(file)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        connection.sendall(str(status).encode())
    finally:
        os._exit(0)


def _become(arguments, cwd, environment):
    """Be the command: as a fresh interpreter is that runs the script `bundle`."""
    import time

    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        mode, buffering = ("r", -1) if number == 0 else ("w", 1 if number == 2 else -1)
        old = getattr(sys, f"__{name}__")
        kept = {"encoding": old.encoding, "errors": old.errors, "closefd": False}
        new = os.fdopen(number, mode, buffering, **kept)
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
    sys.argv = [BUNDLE, *arguments]
    sys.path[0] = str(Path(BUNDLE).parent)
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.modules["__main__"].__file__ = BUNDLE
    from modelbundle.cli.main import main

    main()


if __name__ == "__main__":
    serve(sys.argv[1])
