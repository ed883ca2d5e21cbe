"""What a tree of processes uses, and who listens on a port."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from modelbundle.bundler.benching.subject.process_tree import ProcessTree, listening, machine_cpu

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
child.wait() if sys.argv[2] == "wait" else None
print("ready", flush=True)
time.sleep(60)
"""
BURN = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"


def parent(child, wait):
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, child, wait], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    return process


def end(process):
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGTERM)
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_child_that_has_ended_still_counts():
    process = parent(BURN, "wait")
    try:
        usage = ProcessTree(process.pid).usage()
    finally:
        end(process)

    assert usage.cpu >= 0.3
    assert usage.processes == 1
    assert 0 < usage.memory <= usage.resident


def test_children_and_their_memory_are_of_the_tree():
    process = parent("import time; time.sleep(60)", "leave")
    try:
        usage = ProcessTree(process.pid).usage()
    finally:
        end(process)

    assert usage.processes == 2
    assert usage.memory > 1 << 20


def test_a_tree_that_is_gone_uses_nothing():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert ProcessTree(process.pid).usage().processes == 0


def test_the_listener_on_a_port_is_found_by_its_socket():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert listening(port) is None
        listener.listen()
        assert listening(port) == ProcessTree(os.getpid())


def test_the_machine_s_clock_goes_on_while_somebody_works():
    before = machine_cpu()
    deadline = time.process_time() + 0.2
    while time.process_time() < deadline:
        pass

    assert machine_cpu() >= before + 0.1


def test_who_shares_a_core_waits_for_it():
    code = (
        "import os, time\n"
        "from modelbundle.bundler.benching.subject.process_tree import starved_seconds\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "if os.fork() == 0:\n"
        "    end = time.monotonic() + 0.6\n"
        "    while time.monotonic() < end: pass\n"
        "    os._exit(0)\n"
        "end = time.monotonic() + 0.6\n"
        "while time.monotonic() < end: pass\n"
        "print(starved_seconds())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert float(done.stdout) > 0.1
