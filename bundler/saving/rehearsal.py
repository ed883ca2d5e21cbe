"""Rehearsal: opens and calls an untrusted model file in a child process first, which may crash.

A file that runs no code is still read by its library, which is C++ and trusts it: a wrong number in
a tree ends the process that opens or calls it, has it go round for ever, or ask for all memory. So
that ends, and not the command.
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
from typing import Any

from ...runtime.errors import BundleError
from ...runtime.frameworks import registry
from ...runtime.frameworks.framework import Framework, Saved
from ...runtime.manifests.signature import Signature
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
_TOO_LARGE = 3  # exit code


def rehearse(
    framework: Framework,
    directory: Path,
    saved: Saved,
    seconds: float = _SECONDS,
    *,
    given: SaveOptions = SaveOptions(),  # noqa: B008  frozen
    example: Any = None,
) -> None:
    """Open a file in a process of its own first, where its library may fall over it.

    It is called with the first rows of the sample file in `given`, or of `example`, which is JSON.
    What is only wrong with it is told by whoever opens it then. `seconds` is how long a processor
    may work on a small file: on a busy machine that takes longer.

    Raises:
        InvalidSource: when the process is killed by it, comes to no end, or wants far more memory
            than the file has bytes.
    """
    if framework.name not in _PARSED or saved.executes_code:
        return
    size = sum((directory / name).stat().st_size for name in saved.files)
    seconds += (size + _size_of(given.sample_file)) / _SPEED
    asked = [
        [registry.loader(framework), str(directory), saved.format, dict(saved.options)],
        [size, seconds],
        _call_of(given, example),
    ]
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", __name__],
            input=json.dumps(asked).encode(),
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
        f"The {framework.name} file cannot be used: {framework.name} itself {why}.",
        hint="It is damaged, or made to do harm; write it again with the library.",
    )


def _size_of(file: Path | None) -> int:
    return file.stat().st_size if file is not None and file.is_file() else 0


def _call_of(given: SaveOptions, example: Any) -> dict[str, Any]:
    """What the child has to know to call the model, as JSON; nothing to call it with is null."""
    file = given.sample_file
    return {
        "file": file and str(file.absolute()),
        "example": example if not given.has_sample else None,
        "methods": given.methods,
        "signatures": {name: each.to_json() for name, each in given.signatures.items()},
        "axis": given.batch_axis if isinstance(given.batch_axis, int) else dict(given.batch_axis),
    }


def main() -> None:
    """Open the file that stdin names, inspect it and call it as `bundle save` does."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    (loader, directory, kind, options), (size, seconds), call = json.load(sys.stdin)
    _limit_time(seconds)
    framework = registry.load(loader)
    rows = _rows(call)
    try:
        with _little_memory(_MEMORY + _GROWTH * size):
            model = framework.load(Path(directory), kind, options, "cpu", Policy())
            framework.methods(model)
            framework.signatures(model)
            if rows is not None:
                _record(framework, model, rows, call)
    except Exception as error:
        said = str(error).lower()
        if isinstance(error, MemoryError) or any(word in said for word in _WANTS_MEMORY):
            sys.exit(_TOO_LARGE)
        raise


def _rows(call: dict[str, Any]) -> Any:
    """The first rows to call it with; None without any, and where they cannot be read."""
    if call["file"] is None:
        return None if call["example"] is None else recording.Text(call["example"])
    try:
        return _first(SaveOptions(sample_file=Path(call["file"])).rows())
    except BundleError:
        return None  # `bundle save` says so


def _record(framework: Framework, model: Any, rows: Any, call: dict[str, Any]) -> None:
    signatures = {name: Signature.from_json(said) for name, said in call["signatures"].items()}
    recording.record(framework, model, rows, tuple(call["methods"]), signatures, call["axis"])


def _first(rows: Any) -> Any:
    if isinstance(rows, recording.Text):
        return recording.Text(_first(rows.rows))
    if isinstance(rows, dict):
        return {name: part[: recording.ROWS] for name, part in rows.items()}
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
