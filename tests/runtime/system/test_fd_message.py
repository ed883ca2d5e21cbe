"""Descriptors that come from another process stay in this one."""

import os
import socket
import subprocess
import sys

from modelbundle.runtime.system import fd_message


def test_no_program_that_is_started_has_what_came():
    """Not even one that closes nothing, as `os.system` starts them."""
    ours, theirs = socket.socketpair()
    reader, writer = os.pipe()
    with ours, theirs:
        socket.send_fds(theirs, [b"two"], [reader, writer])
        data, descriptors = fd_message.receive(ours, 100, 4)
    assert (data, len(descriptors)) == (b"two", 2)
    code = "import os, sys\nfor each in map(int, sys.argv[1:]): os.fstat(each)"
    started = subprocess.run(
        [sys.executable, "-c", code, *map(str, descriptors)],
        close_fds=False, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Bad file descriptor" in started.stderr
    os.write(descriptors[1], b"x")
    assert os.read(reader, 1) == b"x"
    for each in (reader, writer, *descriptors):
        os.close(each)


def test_bytes_may_come_alone():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.send(b"none")
        assert fd_message.receive(ours, 100, 4) == (b"none", [])
