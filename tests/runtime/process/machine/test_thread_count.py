"""How many threads a process' libraries have, asked of real processes."""

import subprocess
import sys

PROGRAM = """
import ctypes
import os
import numpy
from modelbundle.runtime.process.machine import thread_count
thread_count.limit(thread_count.announce({count}))
counts = {{
    getattr(library, name.replace("set", "get"))()
    for library in thread_count._loaded("openblas")
    for name in thread_count._OPENBLAS
    if hasattr(library, name.replace("set", "get"))
}}
print(os.environ.get("OMP_NUM_THREADS"), *sorted(counts))
"""


def run(count, **variables):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(count=count)],
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_what_is_loaded_and_what_will_be_has_so_many_threads():
    variable, *counts = run(1)
    assert variable == "1"
    assert counts in (["1"], []), "a NumPy without OpenBLAS has none to set"


def test_what_a_person_has_said_stays():
    assert run(1, OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2")[0] == "2"


def test_nothing_is_said_where_libraries_may_do_as_they_like():
    assert run(None)[0] == "None"
