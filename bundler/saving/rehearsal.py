"""Rehearsal: opens and calls an untrusted model file in a child process first, which may crash.

A file that runs no code is still read by its library, which is C++ and trusts it. A wrong number in
a tree ends the process that opens or calls it, or makes it loop for ever, or ask for all memory. So
the child ends, and the command goes on.
The child is `python -P -m modelbundle.bundler.saving.rehearsal`; it gets a `_Task` on stdin, as a
pickle of ours. It is no fork: none can be made of a process in which such a library has threads.
"""

import math
import os
import pickle
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from ...runtime.errors import BundleError
from ...runtime.frameworks import registry
from ...runtime.frameworks.framework import Framework, Saved
from ...runtime.pickles.policy import Policy
from ..errors import InvalidSource
from .recording import recording
from .save_options import SaveOptions

_PARSED = frozenset({"xgboost", "lightgbm", "onnx"})  # adapters of libraries in C++
_SECONDS = 60.0  # of a processor for a small file, with a slow machine's import of its library
_SPEED = 4 << 20  # bytes a second, at least, of a larger one
_PATIENCE = 10  # times as long by the clock: others use the machine, and a file may wait for ever
_MEMORY = 8 << 30  # bytes that a small file may have beyond what its library takes
_GROWTH = 16  # times the file's size, for a larger one
_WANTS_MEMORY = ("bad_alloc", "bad allocation", "out of memory")  # in the words of C++
_TOO_LARGE, _NO_LIBRARY = 3, 4  # exit codes


@dataclass(frozen=True, slots=True)
class _Task:
    """What the child opens, and what it calls it with.

    loader   reference to the adapter
    size     bytes of the model's files
    seconds  that a processor may work on it
    given    the options of the save, without a sample that is an object
    sample   a pickle of that; b"" where there is none, or none can be made
    example  rows that came with the model, as JSON has them
    """

    loader: str
    directory: Path
    saved: Saved
    size: int
    seconds: float
    given: SaveOptions
    sample: bytes
    example: Any


def rehearse(
    framework: Framework,
    directory: Path,
    saved: Saved,
    seconds: float = _SECONDS,
    *,
    given: SaveOptions = SaveOptions(),  # noqa: B008  frozen
    example: Any = None,
) -> None:
    """Open a file in a child process first, where its library may crash on it.

    It is called with the first rows of the sample in `given`, or of `example`, which is JSON. What
    is only wrong with it is reported by the caller, who opens it next. `seconds` is how long a
    processor may work on a small file: on a busy machine that takes longer.

    Raises:
        InvalidSource: when the child is killed by it, does not end, wants far more memory than the
            file has bytes, or has no library to open it with, and this process has.
    """
    if framework.name not in _PARSED or saved.executes_code:
        return
    size = sum((directory / name).stat().st_size for name in saved.files)
    seconds += (size + _size_of(given.sample_file)) / _SPEED
    task = _Task(
        registry.loader(framework),
        directory,
        saved,
        size,
        seconds,
        replace(given, sample=None),
        _pickled(given.sample),
        None if given.has_sample else example,
    )
    _judge(framework, task, _run(framework, task))


def _run(framework: Framework, task: _Task) -> int:
    """The exit code of the child."""
    patience = task.seconds * _PATIENCE
    try:
        return subprocess.run(
            [sys.executable, "-P", "-m", __name__],
            input=pickle.dumps(task),
            env=os.environ | {"OMP_NUM_THREADS": "1"},  # each thread's seconds count
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=patience,
        ).returncode
    except subprocess.TimeoutExpired as error:
        raise _endless(framework, patience) from error


def _judge(framework: Framework, task: _Task, code: int) -> None:
    if code == -signal.SIGXCPU:
        raise _endless(framework, task.seconds)
    if code < 0:
        raise _refused(framework, f"crashes on it ({signal.Signals(-code).name})")
    if code == _TOO_LARGE:
        raise _refused(framework, f"wants far more memory for it than its {task.size:,} bytes")
    if code == _NO_LIBRARY and _has_library(framework):
        library = framework.distributions[0]
        raise InvalidSource(
            f"The {framework.name} file is not opened: `{library}` can be imported here, but not "
            "in a process of its own, where a file is opened first.",
            hint=f"See why with `python -c 'import {library}'`.",
        )


def _has_library(framework: Framework) -> bool:
    try:
        import_module(framework.distributions[0])
    except Exception:  # noqa: BLE001  the caller opens the file next, and says so
        return False
    return True


def _endless(framework: Framework, seconds: float) -> InvalidSource:
    return _refused(framework, f"comes to no end with it in {seconds:.0f} s")


def _refused(framework: Framework, why: str) -> InvalidSource:
    return InvalidSource(
        f"The {framework.name} file cannot be used: {framework.name} itself {why}.",
        hint="It is damaged, or made to do harm; write it again with the library.",
    )


def _size_of(file: Path | None) -> int:
    return file.stat().st_size if file is not None and file.is_file() else 0


def _pickled(sample: Any) -> bytes:
    """The first rows of a sample, for the child; b"" where they cannot be sent."""
    try:
        return b"" if sample is None else pickle.dumps(_first(sample))
    except Exception:  # noqa: BLE001  an object of the author's: `bundle save` calls the model with it
        return b""


def main() -> None:
    """Open the file of the task on stdin, inspect it and call it as `bundle save` does."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    task: _Task = pickle.load(sys.stdin.buffer)
    _limit_time(task.seconds)
    framework = registry.load(task.loader)
    if not _has_library(framework):
        sys.exit(_NO_LIBRARY)
    given, rows = task.given, _rows(task)
    try:
        with _little_memory(_MEMORY + _GROWTH * task.size):
            model = framework.load(
                task.directory, task.saved.format, task.saved.options, "cpu", Policy()
            )
            framework.methods(model)
            framework.signatures(model)
            if rows is not None:
                recording.record(
                    framework, model, rows, given.methods, given.signatures, given.batch_axis
                )
    except Exception as error:
        message = str(error).lower()
        if isinstance(error, MemoryError) or any(word in message for word in _WANTS_MEMORY):
            sys.exit(_TOO_LARGE)
        raise


def _rows(task: _Task) -> Any:
    """The first rows to call it with; None without any, and where they cannot be read."""
    if task.given.sample_file is not None:
        try:
            return _first(task.given.rows())
        except BundleError:
            return None  # `bundle save` says so
    if task.sample:
        try:
            return pickle.loads(task.sample)
        except Exception:  # noqa: BLE001  of a class in `__main__`, which is another here
            return None
    return None if task.example is None else recording.Text(task.example)


def _first(rows: Any) -> Any:
    if isinstance(rows, recording.Text):
        return recording.Text(_first(rows.rows))
    if isinstance(rows, Mapping):
        return {name: part[: recording.ROWS] for name, part in rows.items()}
    if isinstance(rows, tuple):
        return tuple(part[: recording.ROWS] for part in rows)
    return rows[: recording.ROWS]


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
