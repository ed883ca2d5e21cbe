"""Processes that are born and reaped, in whatever order it is heard of."""

import ctypes
import json
import os
import select
import signal
import socket
import sys
import time

import pytest

from modelbundle.runtime.process.crew.crew import Crew, FrontSlot, ModelSlot, TemplateSlot
from modelbundle.runtime.process.crew.event_loop import EventLoop
from modelbundle.runtime.process.crew.process_table import ProcessTable
from modelbundle.runtime.process.workers.template import Template
from modelbundle.runtime.system.prctl import adopt_orphans

from ...conftest import Sums
from ..supervising.test_load_coordinator import ask, load, make, unload

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are adopted on Linux only")
_PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def adopts():
    """This process is the parent of orphans for a while."""
    adopt_orphans()
    yield
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0)


class Born:
    """A table whose template forks a model that ends at once."""

    def __init__(self, loop, *, has_front):
        self.failures = []
        self.model, self.template = ModelSlot("m"), TemplateSlot("m")
        self.front = FrontSlot(0, 0, [self.model])
        self.processes = ProcessTable(
            loop, self._work, lambda _: None, lambda *_: None, self._failed
        )
        self.processes.crews.append(Crew([self.front], [self.template]))
        if has_front:
            self.processes.fill(self.front)
        else:
            self.model.prepare()
        self.processes.fill(self.template)
        self.processes.fork_from(self.template, self.model)

    def _failed(self, post, error):
        self.failures.append(error)

    def _work(self, post):
        if post is self.front:
            return lambda _: time.sleep(60) or 0
        return lambda ready: self._fork(post.template, ready)

    @staticmethod
    def _fork(line, ready):
        """As `serve_template`, however many threads libraries of other tests start here."""
        ready()
        line.setblocking(True)
        template = Template(line, object(), lambda: os._exit(3))
        while template.fork():
            pass
        return 0

    def told(self):
        """The number of the model, which the table has not read yet."""
        line = self.template.supervisor
        poll = select.poll()  # of any descriptor, however many there are
        poll.register(line, select.POLLIN)
        assert poll.poll(90_000)
        return json.loads(line.recv(1 << 12, socket.MSG_PEEK))["pid"]

    def reap(self):
        return [(post, exit_report.code) for post, _, exit_report in self.processes.reap()]


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
