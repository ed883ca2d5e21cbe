"""Logs whose readers are slow, or have stopped, or have gone."""

import json
import os
import resource
import socket
import subprocess
import sys
import threading

import pytest

from modelbundle.runtime.manifests.bundle_manifest import bundle_digest
from modelbundle.runtime.system import log_output
from modelbundle.runtime.system.log_output import LogOutput

from ..conftest import Running, Servers, free_port

LINE = b"x" * 999 + b"\n"


@pytest.fixture
def pipe(monkeypatch):
    """Both ends of a pipe, and a LogOutput into it."""
    monkeypatch.setattr(log_output, "PATIENCE", 0.01)
    reader, writer = os.pipe()
    yield reader, writer, LogOutput(writer)
    for each in (reader, writer):
        try:
            os.close(each)
        except OSError:
            continue


def drain(reader):
    """All that is there."""
    os.set_blocking(reader, False)
    found = b""
    try:
        while piece := os.read(reader, 1 << 16):
            found += piece
    except BlockingIOError:
        pass
    return found


def numbered(count):
    return [b"%d " % number + LINE for number in range(count)]


@pytest.fixture(params=["own", "another user's"])
def whose(request, monkeypatch):
    """Whose pipe it is: another user's is not opened again, as stdout of a container is not."""

    def refused(*_, **__):
        raise PermissionError

    if request.param != "own":
        monkeypatch.setattr(log_output.os, "open", refused)


@pytest.mark.usefixtures("whose")
def test_what_a_slow_reader_has_not_read_comes_later_whole_and_in_order(pipe):
    reader, writer, out = pipe
    lines = numbered(300)
    for line in lines:
        out.write(line)
    heard = drain(reader)
    assert len(heard) < sum(map(len, lines))
    while len(heard) < sum(map(len, lines)):
        out.end()
        heard += drain(reader)
    assert heard == b"".join(lines)
    assert os.get_blocking(writer), "others who write there wait as they did"


@pytest.mark.usefixtures("whose")
def test_what_nobody_reads_is_lost_beyond_a_megabyte_and_that_is_said(pipe):
    reader, _, out = pipe
    for line in numbered(2000):
        out.write(line)
    heard = drain(reader)
    while piece := (out.end(), drain(reader))[1]:
        heard += piece
    *lines, told = heard.splitlines(keepends=True)
    assert lines == numbered(2000)[: len(lines)]
    lost = json.loads(told)
    assert lost["message"] == f"{2000 - len(lines)} pieces of the log were lost: nobody read them."
    out.write(LINE)
    assert drain(reader) == LINE


def test_a_line_of_more_than_a_megabyte_is_written_if_somebody_reads(pipe):
    reader, _, output = pipe
    line, found = b"x" * 2 * log_output.MOST + b"\n", []
    thread = threading.Thread(
        target=lambda: found.append(os.fdopen(reader, "rb", closefd=False).readline())
    )
    thread.start()
    output.write(line)
    while thread.is_alive():
        output.end()
    assert found == [line]


def test_a_reader_that_has_gone_is_no_trouble(pipe):
    reader, _, out = pipe
    out.write(LINE)
    os.close(reader)
    for _ in range(2000):
        out.write(LINE)
    assert not out._kept


def test_it_follows_what_its_number_stands_for(pipe):
    reader, writer, out = pipe
    out.write(b"to the first\n")
    second, other = os.pipe()
    os.dup2(other, writer)
    os.close(other)
    out.write(b"to the second\n")
    assert (drain(reader), drain(second)) == (b"to the first\n", b"to the second\n")
    os.close(second)
    os.close(writer)
    out.write(b"to nobody\n")


def test_a_socket_is_no_place_to_wait_at_either(monkeypatch):
    """As systemd gives one."""
    monkeypatch.setattr(log_output, "PATIENCE", 0.01)
    here, there = socket.socketpair()
    with here, there:
        out = LogOutput(here.fileno())
        for line in numbered(600):
            out.write(line)
        assert there.recv(1000) == numbered(1)[0][:1000]
        assert here.getblocking()


def test_a_line_that_a_full_disk_has_cut_takes_no_other_with_it(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (tmp_path / "log").open("wb") as file:
        log = LogOutput(file.fileno())
        resource.setrlimit(resource.RLIMIT_FSIZE, (12, limits[1]))
        try:
            for line in (b"one line\n", b"another\n", b"lost\n"):
                log.write(line)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        log.write(b"the next\n")
        log.write(b"the last\n")
    assert (tmp_path / "log").read_bytes() == b"one line\nano\nthe next\nthe last\n"


def test_a_file_gets_all_of_it(tmp_path):
    path = tmp_path / "log"
    with path.open("wb") as file:
        out = LogOutput(file.fileno())
        for line in numbered(3000):
            out.write(line)
    assert path.read_bytes() == b"".join(numbered(3000))


@pytest.fixture
def unread(sums, tmp_path):
    """A server whose stdout and stderr are pipes that nobody reads yet."""
    bundle, port = sums(), free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "modelbundle.runtime", bundle, f"--port={port}", "--workers=1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"BUNDLE_TRUST": bundle_digest(bundle)},
    )  # fmt: skip
    running = Running(process, port, tmp_path, tmp_path, bundle)
    Servers.await_ready(None, running)
    yield running
    process.kill()
    process.communicate()


def test_a_server_answers_while_nobody_reads_its_logs(unread):
    with unread.client() as client:
        ids = [f"{number}-{'x' * 200}"[:64] for number in range(500)]
        for each in ids:
            answer = client.post(
                "/predict", json={"instances": [[1, 2]]}, headers={"x-request-id": each}
            )
            assert answer.status_code == 200
            # One that fails is in the log, with a traceback.
        for _ in range(60):
            assert client.post("/predict", json={"instances": [[-1, 2]]}).status_code == 500
    heard = []
    reading = threading.Thread(target=lambda: heard.extend(unread.process.communicate()))
    reading.start()
    unread.process.terminate()
    reading.join(90)
    assert unread.process.returncode == 0
    out, err = heard
    asked = [each for line in out.splitlines() if (each := json.loads(line))["method"] == "POST"]
    assert [each["id"] for each in asked][:500] == ids
    assert len(asked) == 560
    assert all(json.loads(line) for line in err.splitlines() if line.startswith(b"{"))


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_a_server_may_be_started_without_any_of_them(sums, tmp_path, closed):
    bundle, port = sums(), free_port()
    started = "".join(f" {number}>&-" for number in closed)
    process = subprocess.Popen(
        ["sh", "-c", f'exec "$@"{started}', "sh", sys.executable, "-m", "modelbundle.runtime",
         bundle, f"--port={port}", "--workers=1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | {"BUNDLE_TRUST": bundle_digest(bundle)},
    )  # fmt: skip
    try:
        running = Running(process, port, tmp_path / "none", tmp_path / "none", bundle)
        (tmp_path / "none").touch()
        Servers.await_ready(None, running)
        assert running.post([[1, 2]]).status_code == 200
        assert running.stop() == 0
    finally:
        process.kill()
        process.wait()
