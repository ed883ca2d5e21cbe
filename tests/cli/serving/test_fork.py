"""A forked server is like one that was started anew, and whoever forked it hears of its end."""

import json
import signal
import subprocess
import sys

import pytest

PREAMBLE = """
import json, os, signal, sys, time
from modelbundle.cli.serving import fork

def end(number, frame):
    sys.exit("the parent's handler")

signal.signal(signal.SIGTERM, end)
reader, writer = os.pipe()
"""


def told(script, *options):
    """What a process that forks says on its stdout."""
    done = subprocess.run(
        [sys.executable, *options, "-c", PREAMBLE + script],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout


def test_the_child_has_what_it_was_given_and_nothing_else():
    script = """
def run():
    os.write(writer, json.dumps({
        "variables": dict(os.environ), "path": sys.path[0], "group": os.getpgrp() == os.getpid(),
        "open": [each for each in range(3, 64) if os.path.exists(f"/proc/self/fd/{each}")],
        "stdin": sys.stdin.read(), "term": str(signal.getsignal(signal.SIGTERM)),
    }).encode())
    return 7

os.dup2(os.open(os.devnull, os.O_RDONLY), 40)
sys.path.insert(0, "/where/the/script/lies")
child = fork.start(run, {"A": "b"}, inherited=[writer])
code = child.wait()
print(json.dumps([code, child.poll(), json.loads(os.read(reader, 4096)), writer]))
"""
    code, again, child, writer = json.loads(told(script))
    assert (code, again) == (7, 7)
    assert child["variables"] == {"A": "b"}
    assert child["path"] != "/where/the/script/lies"
    assert child["open"] == [writer]
    assert (child["stdin"], child["term"]) == ("", str(signal.Handlers.SIG_DFL))
    assert child["group"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("return 0", 0),
        ("sys.exit(3)", 3),
        ("raise KeyboardInterrupt", 130),
        ("raise ValueError('seen on stderr')", 1),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("signal.pause()", -signal.SIGTERM),
    ],
)
def test_its_end_is_told_as_that_of_any_process(body, code):
    script = f"""
def run():
    {body}

child = fork.start(run, os.environ)
if "pause" in {body!r}:
    child.terminate()
print(child.wait())
child.terminate()
"""
    assert told(script) == f"{code}\n"


def test_what_it_prints_goes_where_it_should():
    script = """
def run():
    print("from the child")
    return 0

print("from the parent")
fork.start(run, os.environ, stdout=sys.stderr).wait()
"""
    assert told(script) == "from the parent\n"


def test_it_ends_with_whoever_forked_it():
    script = """
def run():
    signal.pause()

child = fork.start(run, os.environ)
os.kill(os.getpid(), signal.SIGKILL)
"""
    # Its stdout is at its end when nobody holds it any more; else this would take too long.
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + script], stdout=subprocess.PIPE, timeout=30, check=False
    )
    assert done.returncode == -signal.SIGKILL


def test_a_child_without_streams_does_not_go_on_as_its_parent():
    """With `--isolation thread` a model may set `sys.stdout` to None."""
    script = """
def run():
    sys.stdout = sys.stderr = None
    return 7

me = os.getpid()
try:
    code = fork.start(run, dict(os.environ)).wait()
finally:
    os.write(1, b"parent " if os.getpid() == me else b"child ")
print(code)
"""
    assert told(script) == "parent 7\n"
