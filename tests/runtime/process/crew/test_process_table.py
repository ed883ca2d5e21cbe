"""Processes that are born and reaped, in whatever order it is heard of."""

import ctypes
import errno
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from modelbundle.runtime.process.crew import process_table
from modelbundle.runtime.process.crew.crew import Crew, FrontSlot, ModelSlot, TemplateSlot
from modelbundle.runtime.process.crew.event_loop import EventLoop
from modelbundle.runtime.system import process_group
from modelbundle.runtime.system.prctl import adopt_orphans

from ...conftest import Sums, wait_until
from ..supervising.two_models import ask, load, make, unload
from ..watched import alive
from .crew_table import Born, Table, asleep
from .few_descriptors import few_descriptors

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are adopted on Linux only")
_PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def adopts():
    """This process is the parent of orphans for a while."""
    adopt_orphans()
    yield
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0)


def descriptors():
    return sorted(int(each.name) for each in Path("/proc/self/fd").iterdir())[:-1]  # but its own


class Deaf:
    """The work of a model that starts a process for ever, which heeds no SIGTERM."""

    def __init__(self, is_deaf=True):
        self.is_deaf = is_deaf
        self._reader, self._writer = os.pipe()

    def __call__(self, on_ready):
        process_group.lead()
        if os.fork() == 0:
            if self.is_deaf:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(self._writer, f"{os.getpid()}\n".encode())
            time.sleep(60)
            os._exit(0)
        return asleep(on_ready)

    def started(self):
        """The number of the next one."""
        number = b""
        while not number.endswith(b"\n"):
            number += os.read(self._reader, 1)
        return int(number)

    def close(self):
        os.close(self._reader)
        os.close(self._writer)


@pytest.fixture
def deaf(monkeypatch):
    monkeypatch.setattr(process_table, "CHILDREN_GRACE", 0.1)
    made = Deaf()
    yield made
    made.close()


def test_what_a_dead_model_has_started_is_killed_where_it_stays_and_nobody_else(deaf):
    slots = [ModelSlot("a"), ModelSlot("b")]
    with EventLoop(()) as loop:
        table = Table(loop, Crew([FrontSlot(0, 0, slots)]), deaf)
        try:
            started = []
            for slot in slots:
                table.fill(slot)
                started.append(deaf.started())
            slots[0].send(signal.SIGKILL)
            table.wait_until(table.reaped)
            table.wait_until(lambda: not alive(started[0]))
            assert alive(started[1])
            assert not slots[1].child.is_reaped
        finally:
            table.end()
        wait_until(lambda: not alive(started[1]))


def test_at_the_end_nobody_is_left_and_no_descriptor(deaf):
    """Not what models have started either."""
    before = descriptors()
    models, template = [ModelSlot("a"), ModelSlot("b")], TemplateSlot("a")
    front = FrontSlot(0, 0, models)
    crew = Crew([front], [template])
    with EventLoop(()) as loop:
        table = Table(loop, crew, deaf)
        table.fill(front)
        table.fill(template)
        table.fill(models[0])
        started = deaf.started()
        deaf.is_deaf = False
        table.fill(models[1])
        heeding = deaf.started()
        assert len(table) == 4
        pids = [slot.child.pid for slot in crew.slots()]
        table.end()
        assert not any(alive(pid) for pid in pids)
        wait_until(lambda: not (alive(heeding) or alive(started)))
        assert len(table) == 0
        with pytest.raises(ChildProcessError):  # each was waited for
            os.waitpid(pids[0], 0)
    assert descriptors() == before


@pytest.mark.parametrize("kind", ["front", "model", "template", "fork"])
def test_who_there_are_too_few_descriptors_for_keeps_none(kind):
    """However many there are: each step of its start may be the one that fails."""
    model = ModelSlot("a")
    slot = {"front": FrontSlot(0, 0), "template": TemplateSlot("a")}.get(kind, model)
    origin = TemplateSlot("a")
    front = slot if kind == "front" else FrontSlot(0, 0, [model])
    crew = Crew([front], [slot] if kind == "template" else [])
    with EventLoop(()) as loop:
        table = Table(loop, crew, asleep)
        try:
            model.prepare()
            origin.prepare()
            for free in range(20):
                with few_descriptors(free) as is_unchanged:
                    try:
                        table.fill(slot) if kind != "fork" else table.fork_from(origin, slot)
                    except OSError:
                        assert slot.child is None
                        assert len(table) == 0
                        slot.close() if kind == "front" else None
                        assert is_unchanged(), free
                    else:
                        break
            assert free >= 4, "two pipes at least"
            assert slot.child is not None
        finally:
            table.end()
            origin.close()
            model.close()


def test_a_template_that_has_died_is_not_asked_though_nobody_has_reaped_it():
    """Whoever asks starts the model without it, instead of waiting for an answer."""
    model, template = ModelSlot("a"), TemplateSlot("a")
    with EventLoop(()) as loop:
        table = Table(loop, Crew([FrontSlot(0, 0, [model])], [template]), asleep)
        try:
            model.prepare()
            table.fill(template)
            template.send(signal.SIGKILL)
            os.waitid(os.P_PID, template.child.pid, os.WEXITED | os.WNOWAIT)
            before = descriptors()
            with pytest.raises(ConnectionError):
                table.fork_from(template, model)
            assert (model.child, len(table)) == (None, 1)
            assert descriptors() == before
        finally:
            table.end()
            model.close()


def test_a_fork_that_fails_leaves_no_descriptor_and_whoever_wants_it_hears_of_it():
    model, template = ModelSlot("a"), TemplateSlot("a")
    with EventLoop(()) as loop:
        table = Table(loop, Crew([FrontSlot(0, 0, [model])], [template]), asleep)
        model.prepare()
        loop.register(template.prepare().fileno(), lambda: table._forks.read_answers(template))
        before = descriptors()
        table.fork_from(template, model)
        assert len(table) == 1
        _, received, _, _ = socket.recv_fds(template.template, 1 << 12, 64)
        for each in received:
            os.close(each)
        template.template.send(json.dumps({"fork_id": 0, "errno": errno.ENOMEM}).encode())
        table.wait_until(lambda: table.failed)
        assert table.failed == [(model, errno.ENOMEM)]
        assert (model.child, len(table)) == (None, 0)
        assert descriptors() == before
        table.fill(model)  # its pipes get the numbers of those that were closed
        table.wait_until(lambda: table.ready)
        table.end()
        model.close()


class Forked:
    """A table with a front, and a model that is forked by a template, whose part a test plays."""

    def __init__(self, loop):
        self.model, self.template = ModelSlot("a"), TemplateSlot("a")
        self.front = FrontSlot(0, 0, [self.model])
        self.table = Table(loop, Crew([self.front], [self.template]), asleep)
        self.table.fill(self.front)
        line = self.template.prepare().fileno()
        loop.register(line, lambda: self.table._forks.read_answers(self.template))
        self.table.fork_from(self.template, self.model)
        _, (self.status, *others), _, _ = socket.recv_fds(self.template.template, 1 << 12, 64)
        for each in others:
            os.close(each)
        self.pid = os.fork()
        if self.pid == 0:
            time.sleep(60)
            os._exit(0)

    def say_ready(self):
        os.write(self.status, b"ready\n")
        self.table.wait_until(lambda: self.model.is_ready)

    def tell(self):
        """The template tells of the process."""
        answer = {"fork_id": 0, "pid": self.pid}
        self.template.template.send(json.dumps(answer).encode())
        self.table.wait_until(lambda: self.model.child.pid == self.pid)

    def end(self):
        os.close(self.status)
        self.table.end()


@pytest.fixture
def forked():
    with EventLoop(()) as loop:
        made = Forked(loop)
        yield made
        made.end()


def test_a_process_that_is_ready_before_it_has_a_number_is_ready_once_it_has_one(forked):
    forked.table.wait_until(lambda: forked.front.is_ready)
    forked.say_ready()
    assert forked.table.ready == [forked.front], "it cannot be sent a signal yet"
    forked.tell()
    assert forked.table.ready == [forked.front, forked.model]
    assert alive(forked.pid)


@pytest.mark.parametrize("is_wanted", [False, True])
@pytest.mark.parametrize("has_front", [False, True])
def test_a_process_that_nobody_wants_by_the_time_it_is_forked_is_killed(
    forked, is_wanted, has_front
):
    """Its slot was given up meanwhile, or its front has died."""
    if not has_front:
        forked.front.send(signal.SIGKILL)
        forked.table.wait_until(forked.table.reaped)
    forked.model.is_dismissed = not is_wanted
    forked.tell()
    assert forked.table.ready in ([], [forked.front])
    if is_wanted and has_front:
        assert alive(forked.pid)
    else:
        wait_until(lambda: not alive(forked.pid))


def test_a_process_that_was_waited_for_before_it_has_a_number_gets_no_signal(forked):
    """Its number may be another's by then, or nobody's, which would end the server."""
    os.kill(forked.pid, signal.SIGKILL)
    os.waitid(os.P_PID, forked.pid, os.WEXITED | os.WNOWAIT)
    assert forked.table.reaped() == []
    forked.tell()
    forked.table.send(signal.SIGTERM)
    assert (forked.model, -signal.SIGKILL) in forked.table.reaped()


@pytest.mark.parametrize("has_front", [True, False])
def test_a_model_that_ends_before_its_birth_is_heard_of_is_buried_nevertheless(adopts, has_front):
    """Its template ends as well, with the news still in the line: nobody counts it as alive."""
    with EventLoop(()) as loop:
        born = Born(loop, has_front=has_front)
        try:
            os.waitid(os.P_PID, born.told(), os.WEXITED | os.WNOWAIT)
            assert born.reap() == [], "a stranger, as far as is known"
            template = born.template.child.pid
            born.template.send(signal.SIGKILL)
            os.waitid(os.P_PID, template, os.WEXITED | os.WNOWAIT)
            assert born.reap() == [(born.template, -signal.SIGKILL), (born.model, 3)]
            assert len(born.processes) == has_front
            assert born.failures == []
        finally:
            born.processes.end()


def test_a_model_that_there_are_no_descriptors_for_is_refused_and_the_server_goes_on(
    tmp_path, servers
):
    none, library = tmp_path / "none", tmp_path / "library"
    library.mkdir()
    (library / "sitecustomize.py").write_text(
        "import os\n"
        "from modelbundle.runtime.remote.slabs.slab import Slab\n"
        "create = Slab.create\n"
        "def limited(name):\n"
        f"    if os.path.exists({str(none)!r}):\n"
        "        raise OSError(24, 'Too many open files')\n"
        "    return create(name)\n"
        "Slab.create = staticmethod(limited)\n"
    )
    bundle = make(tmp_path / "bundle", {"a": Sums(), "b": Sums()}, model_control="explicit")
    server = servers.start(bundle, "--workers=2", env={"PYTHONPATH": str(library)})
    assert unload(server, "a").status_code == 200
    none.touch()
    refused = load(server, "a")
    assert (refused.status_code, "the log of the server says why" in refused.text) == (500, True)
    assert "Model `a` cannot be loaded: Too many open files." in server.log()
    assert ask(server, "b").status_code == 200
    none.unlink()
    assert load(server, "a").status_code == 200
    assert ask(server, "a").json() == {"predictions": [3.0]}
