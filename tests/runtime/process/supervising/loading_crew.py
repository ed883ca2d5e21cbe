"""A crew of two fronts that load a model, as the tests of loads let them answer."""

import json
import os
import select
import signal
import time

from modelbundle.runtime.process.crew.crew import Crew, FrontSlot, ModelSlot
from modelbundle.runtime.process.supervising.load_coordinator import LoadCoordinator
from modelbundle.runtime.remote.channel import END

from ...conftest import wait_until
from ..watched import alive
from .test_supervisor import Pretended

REPORTS = {"prepare": "prepared", "commit": "committed", "unload": "unloaded"}


class Front:
    """A front as its own process sees it: it reports what it is told to do as done."""

    def __init__(self, slot, begun):
        self.index, self.generation = slot.index, slot.generation
        self.heard, self._begun, self._next = [], begun, 0
        self._line = slot.control.front
        self._line.on_event = self.heard.append
        self.answers = {}  # event -> what is done instead of the report

    def ask(self, what, request_id, replicas=None):
        self._line.send(what, model="m", request_id=request_id, replicas=replicas)

    def report(self, event, how, why=""):
        self._line.send(how, model="m", term=event["term"], why=why)

    def until(self, *wanted):
        """Obey until one of these events, which is done nothing about."""
        deadline = time.monotonic() + 60
        while True:
            while self._next < len(self.heard):
                event = self.heard[self._next]
                self._next += 1
                for descriptor in self._line.take(sum(event.get("channels", ()))):
                    os.close(descriptor)
                if event["event"] in wanted:
                    return event
                self._obey(event)
            assert time.monotonic() < deadline, self.names
            if select.select([self._line], [], [], 1)[0]:
                assert self._line.read()

    def _obey(self, event):
        act = self.answers.get(event["event"])
        if act is not None:
            act(self, event)
        elif event["event"] in REPORTS:
            self.report(event, REPORTS[event["event"]])

    def result(self, request_id):
        """The state and the reason that a request is answered with."""
        answer = self.until("result")
        assert answer["request_id"] == request_id, self.heard
        return answer["state"], answer["why"]

    @property
    def names(self):
        """What it was told to do."""
        steps = (*REPORTS, "abort")
        return [each["event"] for each in self.heard if each["event"] in steps]

    def models(self, term, least=0):
        """The numbers of the model processes of a term, of all fronts, once there are so many."""

        def found():
            lines = self._begun.read_text().splitlines() if self._begun.exists() else ()
            return [int(pid) for each, pid in map(str.split, lines) if int(each) == term]

        wait_until(lambda: len(found()) >= least)
        return found()


class Loading(Pretended):
    """Two fronts with a model process each; the first does what `script` says."""

    def __init__(self, directory, script, statuses, answers=None):
        super().__init__(None, fronts=2)
        self.statuses = statuses
        self.script, self.answers = script, answers or {}  # of the second
        self.at_end, self.begin = signal.SIG_DFL, lambda number: None
        self.loads = lambda slot: None  # done by whoever is to serve what was loaded later
        self.begun, self.told = directory / "begun", directory / "told"

    def coordinator(self, supervision):
        return LoadCoordinator(self.statuses, self, supervision)

    def new_crew(self, number):
        self.number = number  # each front knows that of its own crew
        is_there = self.statuses["m"].state == "READY"
        models = lambda: self.slots("m") if is_there else []  # noqa: E731
        return Crew([FrontSlot(index, index, models()) for index in range(self.fronts)])

    def slots(self, alias):
        status = self.statuses[alias]
        return [ModelSlot(alias, at, None, status.term) for at in range(status.replicas or 1)]

    def origin(self, alias):
        return None

    def model(self, slot, on_ready):
        with self.begun.open("a") as file:
            file.write(f"{slot.term} {os.getpid()}\n")
        if slot.term:
            self.loads(slot)
        signal.signal(END, self.at_end)
        on_ready()
        time.sleep(60)

    def front(self, slot, on_ready):
        front = Front(slot, self.begun)
        self.begin(self.number)
        on_ready()
        if slot.index:
            front.answers = self.answers if slot.generation == 1 else {}
            front.until("nothing")
        try:
            front.models(0, len(slot.models) * 2)
            told = self.script(front)
        except BaseException as error:  # noqa: BLE001 - else another would begin with it
            told = repr(error)
        self.told.write_text(json.dumps(told))
        os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(60)


def gone(pids):
    wait_until(lambda: not any(alive(pid) for pid in pids))
    return len(pids)


def fail_once(front, event):
    """Cannot load it at first."""
    front.answers = {}
    front.report(event, "failed", "no memory")


def die(front, event):
    os._exit(3)
