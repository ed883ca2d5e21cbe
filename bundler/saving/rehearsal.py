"""Rehearsal: opens an untrusted model file in a child process first, which may crash.

A file that runs no code is still read by its library's parser, which is C++ and trusts it: a wrong
number in a tree ends the process that opens it, has it go round for ever, or ask for all memory.
So that ends, and not the command.
`python -P -m modelbundle.bundler.saving.rehearsal`: what to open comes on stdin. It is no fork, for
none can be made of a process in which such a library has threads.
"""

import json
import math
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...runtime.frameworks import registry
from ...runtime.frameworks.framework import Framework, Saved
from ...runtime.pickles.policy import Policy
from ..errors import InvalidSource

_PARSED = frozenset({"xgboost", "lightgbm", "onnx"})  # adapters of libraries in C++
_SECONDS = 60.0  # of a processor for a small file, with a slow machine's import of its library
_SPEED = 4 << 20  # bytes a second, at least, of a larger one
_PATIENCE = 10  # times as long by the clock: others use the machine, and a file may wait for ever
_MEMORY = 8 << 30  # bytes that a small file may have beyond what its library takes
_GROWTH = 16  # times the file's size, for a larger one
_WANTS_MEMORY = ("bad_alloc", "bad allocation", "out of memory")  # in the words of C++
_TOO_LARGE = 3  # exit code


def rehearse(
    framework: Framework, directory: Path, saved: Saved, seconds: float = _SECONDS
) -> None:
    """Open a file in a process of its own first, where its library may fall over it.

    What is only wrong with it is told by whoever opens it then. `seconds` is how long a processor
    may work on a small file: on a busy machine that takes longer.

    Raises:
        InvalidSource: when the process is killed by it, comes to no end, or wants far more memory
            than the file has bytes.
    """
    if framework.name not in _PARSED or saved.executes_code:
        return
    size = sum((directory / name).stat().st_size for name in saved.files)
    asked = [registry.loader(framework), str(directory), saved.format, dict(saved.options), size]
    seconds += size / _SPEED
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", __name__],
            input=json.dumps([*asked, seconds]).encode(),
            env=os.environ | {"OMP_NUM_THREADS": "1"},  # each thread's seconds count
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=seconds * _PATIENCE,
        )
    except subprocess.TimeoutExpired as error:
        raise _endless(framework, seconds * _PATIENCE) from error
    if done.returncode == -signal.SIGXCPU:
        raise _endless(framework, seconds)
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise _refused(framework, f"falls over it ({name})")
    if done.returncode == _TOO_LARGE:
        raise _refused(framework, f"wants far more memory for it than its {size:,} bytes")


def _endless(framework: Framework, seconds: float) -> InvalidSource:
    return _refused(framework, f"comes to no end with it in {seconds:.0f} s")


def _refused(framework: Framework, why: str) -> InvalidSource:
    return InvalidSource(
        f"The {framework.name} file cannot be loaded: {framework.name} itself {why}.",
        hint="It is damaged, or made to do harm; write it again with the library.",
    )


def main() -> None:
    """Open the file that stdin names, and inspect it as `bundle save` does."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    loader, directory, kind, options, size, seconds = json.load(sys.stdin)
    _limit_time(seconds)
    framework = registry.load(loader)
    try:
        with _little_memory(_MEMORY + _GROWTH * size):
            model = framework.load(Path(directory), kind, options, "cpu", Policy())
            framework.methods(model)
            framework.signatures(model)
    except Exception as error:
        said = str(error).lower()
        if isinstance(error, MemoryError) or any(word in said for word in _WANTS_MEMORY):
            sys.exit(_TOO_LARGE)
        raise


def _limit_time(seconds: float) -> None:
    """Let the processor's work on this process end it (SIGXCPU) after so many seconds."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    most = max(1, math.ceil(seconds))
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_CPU, (most, hard))


@contextmanager
def _little_memory(more: int) -> Iterator[None]:
    """So much address space beyond what this process has now; imports are counted in."""
    used = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = used + more if before[1] == resource.RLIM_INFINITY else min(used + more, before[1])
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


if __name__ == "__main__":
    main()
