"""Tables of processes whose models and templates do what a test wants."""

import json
import os
import select
import socket
import time

from modelbundle.runtime.process.crew.crew import Crew, FrontSlot, ModelSlot, TemplateSlot
from modelbundle.runtime.process.crew.process_table import ProcessTable
from modelbundle.runtime.process.workers.template import Template

from ...conftest import wait_until


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


class Table(ProcessTable):
    """A table of one crew, whose models do `work`, and the others nothing."""

    def __init__(self, loop, crew, work):
        self.ready, self.failed = [], []
        super().__init__(
            loop,
            lambda slot: work if isinstance(slot, ModelSlot) else asleep,
            self.ready.append,
            lambda *_: None,
            lambda slot, error: self.failed.append((slot, error.errno)),
        )
        self.crews.append(crew)
        self.loop = loop

    def reaped(self):
        """The slots of those who have ended by now, and the numbers that they ended with."""
        return [(slot, exit_report.code) for slot, _, exit_report in self.reap()]

    def wait_until(self, claim):
        """Handle events until a claim is true."""

        def tick():
            self.loop.later(0.01, lambda: None)
            self.loop.wait()
            return claim()

        wait_until(tick)


def asleep(on_ready):
    on_ready()
    time.sleep(60)
