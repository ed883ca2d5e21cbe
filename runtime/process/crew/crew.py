"""Crew: the processes that serve together: fronts, each with its own model processes.

A ProcessSlot stands for one process that should exist, and counts its crashes for the back-off.
"""

import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...remote.channel import END, Channel
from .control import ControlPair

if TYPE_CHECKING:
    from .child import Child

FIRST_DELAY = 0.1  # seconds before the second replacement, doubled each time; the first is at once
LONGEST_DELAY = 10.0
LONGEST_PAUSE = 0.1  # seconds, where each had been ready: some rows are poison, all others wait
SERVED = 1.0  # seconds, after it was ready, in which a process has been of use
PROVEN = 10.0  # seconds after which the death of one that was ready is no longer a crash loop


UNFIT = 77  # exit code of a template that has several threads once the model is loaded


class ProcessSlot:
    """One process that should exist; a new one is started when it dies.

    generation    number of the current process, from 1
    crashes       consecutive crashes, each soon after the start
    futile        consecutive crashes, each within a second after it was ready, or before
    killed_for    why the process was asked to end
    is_dismissed  no process is wanted in this slot any more
    """

    death_signal: int = signal.SIGTERM
    name = "A process"

    def __init__(self) -> None:
        self.child: Child | None = None
        self.generation = 0
        self.crashes = self.futile = 0
        self.killed_for = ""
        self.is_dismissed = False
        self.has_served = False  # some process here was ready once
        self.crew = NO_CREW

    @property
    def is_ready(self) -> bool:
        """Whether the slot has a process that has reported ready."""
        return self.child is not None and self.child.is_ready

    @property
    def labels(self) -> dict[str, str]:
        """The labels of its process in the metrics."""
        return {"role": "", "model": "", "worker": "", "replica": ""}

    def close(self, except_for: "ProcessSlot | None" = None) -> None:
        """Close the descriptors shared with the process, except those that `except_for` needs."""

    def send(self, number: int) -> None:
        """Send a signal to its process, if it has one."""
        if self.child is not None:
            self.child.send(number)

    def end(self) -> None:
        """End its process, which has nothing left to do."""
        self.send(signal.SIGKILL)

    def delay(self, child: "Child | None" = None) -> float:
        """Count a failure; the seconds to wait before the next process is started."""
        was_ready = child is not None and child.is_ready
        if child is not None:
            self.futile = 0 if child.served > SERVED else self.futile + 1
        lived = time.monotonic() - child.began if child is not None else 0.0
        self.crashes = 1 if was_ready and lived > PROVEN else self.crashes + 1
        if self.crashes == 1:
            return 0.0
        longest = LONGEST_PAUSE if was_ready else LONGEST_DELAY
        return float(min(longest, FIRST_DELAY * 2 ** min(self.crashes - 2, 16)))


class FrontSlot(ProcessSlot):
    """The slot of a front, with its control line and the slots of its model processes."""

    def __init__(self, index: int, row: int, models: Sequence["ModelSlot"] = ()) -> None:
        super().__init__()
        self.index = index
        self.row = row  # of the counters
        self.name = f"Worker {index}"
        self.models: tuple[ModelSlot, ...] = ()
        self.control: ControlPair | None = None
        self.may_be_ready = False  # `/readyz` may answer 200
        self.add_models(models)

    @property
    def labels(self) -> dict[str, str]:
        """Its row of the counters."""
        return super().labels | {"role": "front", "worker": str(self.row)}

    def add_models(self, models: Sequence["ModelSlot"]) -> None:
        """Add model processes that work for this front."""
        for model in models:
            model.front, model.crew = self, self.crew
        self.models = (*self.models, *models)

    def remove_model(self, model: "ModelSlot") -> None:
        """Remove one model process of this front."""
        self.models = tuple(each for each in self.models if each is not model)
        model.close()

    def tell(self, event: str, descriptors: Sequence[int] = (), **more: Any) -> None:
        """Send an event to the front, if it is running.

        Raises:
            OSError: when a descriptor cannot be duplicated (EMFILE).
        """
        if self.control is not None:
            self.control.supervisor.send(event, descriptors, **more)

    def send_channels(self, alias: str, term: int, models: Sequence["ModelSlot"]) -> None:
        """Send the front its ends of the channels to these processes of a model."""
        ends = [model.channel.front_descriptors for model in models if model.channel is not None]
        descriptors = [each for end in ends for each in end]
        counts = [len(each) for each in ends]
        self.tell("prepare", descriptors, model=alias, term=term, channels=counts)

    def allow_ready(self) -> None:
        """Let the front answer `/readyz` with 200, because all other fronts are loaded too."""
        if self.control is not None and not self.may_be_ready:
            self.may_be_ready = True
            self.tell("allow_ready")

    def kill_model(self, event: Mapping[str, Any]) -> None:
        """Kill a model process that hangs, unless it has been replaced meanwhile."""
        for model in self.models:
            wanted = (model.alias, model.term, model.replica, model.generation)
            if wanted == tuple(event[key] for key in ("model", "term", "replica", "generation")):
                model.killed_for = str(event["why"])
                model.send(signal.SIGKILL)

    def prepare(self) -> ControlPair:
        """Make new lines for a new process: an event may be half written on the old ones."""
        self.close()
        self.control, self.may_be_ready = ControlPair(), False
        for model in self.models:
            model.prepare()
        return self.control

    def close(self, except_for: ProcessSlot | None = None) -> None:
        """Close its lines, and those of its models."""
        if self.control is not None:
            self.control.supervisor.close()
            if except_for is not self:
                self.control.front.close()
        for model in self.models:
            if except_for is not self:
                model.close(except_for)


class ModelSlot(ProcessSlot):
    """The slot of a model process, which works for one front.

    device  a GPU as `CUDA_VISIBLE_DEVICES` names it, None = CPU
    term    of the model, in which it is wanted here
    """

    # Without its front it is useless, and a library that hangs ignores other signals.
    death_signal = signal.SIGKILL

    def __init__(
        self, alias: str, replica: int = 0, device: str | None = None, term: int = 0
    ) -> None:
        super().__init__()
        self.alias = alias
        self.replica = replica
        self.device = device
        self.term = term
        self.front: FrontSlot | None = None
        self.channel: Channel | None = None
        self.name = f"The process of model `{alias}`" + (f" ({replica})" if replica else "")

    @property
    def labels(self) -> dict[str, str]:
        """Its model, front and replica."""
        worker = "" if self.front is None else str(self.front.row)
        own = {"role": "model", "model": self.alias, "worker": worker}
        return super().labels | own | {"replica": str(self.replica)}

    def prepare(self) -> None:
        """A new channel."""
        self.channel = Channel.create()

    def close(self, except_for: ProcessSlot | None = None) -> None:
        """Close the channel."""
        if self.channel is not None and except_for is not self:
            self.channel.close()
            self.channel = None

    def end(self) -> None:
        """End its process after the running batch, or at once while it loads and heeds no `END`."""
        self.send(END if self.is_ready else signal.SIGKILL)

    def tell(self, event: str, **more: Any) -> None:
        """Send its front an event about this process."""
        if self.front is not None:
            self.front.tell(
                event,
                model=self.alias,
                term=self.term,
                replica=self.replica,
                generation=self.generation,
                **more,
            )


class TemplateSlot(ProcessSlot):
    """The slot of a template: it has loaded a model, and model processes are forked from it."""

    death_signal = signal.SIGKILL

    def __init__(self, alias: str) -> None:
        super().__init__()
        self.alias = alias
        self.name = f"The template of model `{alias}`"
        self.supervisor: socket.socket | None = None
        self.template: socket.socket | None = None

    @property
    def labels(self) -> dict[str, str]:
        """Its model."""
        return super().labels | {"role": "template", "model": self.alias}

    def prepare(self) -> socket.socket:
        """Make a new line for a new process; the supervisor's end does not block."""
        self.close()
        self.supervisor, self.template = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.supervisor.setblocking(False)
        return self.supervisor

    def close(self, except_for: ProcessSlot | None = None) -> None:
        """Close both ends, or only ours if `except_for` is this slot."""
        if self.supervisor is not None:
            self.supervisor.close()
        if self.template is not None and except_for is not self:
            self.template.close()


class Crew:
    """Fronts with their models, started and dismissed together.

    is_leaving   another crew takes over: running requests are finished, no process is replaced
    """

    def __init__(self, fronts: Sequence[FrontSlot], templates: Sequence[TemplateSlot] = ()) -> None:
        self.fronts = tuple(fronts)
        self.templates = {template.alias: template for template in templates}
        self.has_served = False
        self.is_leaving = False
        for slot in self.slots():
            slot.crew = self

    def add_template(self, template: TemplateSlot) -> None:
        """Add the template of a model."""
        template.crew = self
        self.templates[template.alias] = template

    def slots(self) -> Iterator[ProcessSlot]:
        """All slots of the crew."""
        yield from self.templates.values()
        for front in self.fronts:
            yield front
            yield from front.models

    @property
    def serving(self) -> list[FrontSlot]:
        """The fronts that accept requests."""
        return [front for front in self.fronts if front.is_ready]

    @property
    def is_ready(self) -> bool:
        """Whether every front accepts requests."""
        return all(front.is_ready for front in self.fronts)

    def leave(self) -> None:
        """Tell the fronts that another crew takes over."""
        self.is_leaving = True
        for front in self.fronts:
            front.tell("leave")

    def end_if_left(self) -> None:
        """End the templates once no front is left."""
        if all(front.child is None for front in self.fronts):
            for template in self.templates.values():
                template.send(signal.SIGKILL)

    @property
    def is_gone(self) -> bool:
        """Whether no process is left."""
        return all(slot.child is None for slot in self.slots())

    def send(self, number: int) -> None:
        """Send a signal to every process."""
        for slot in self.slots():
            slot.send(number)

    def close(self) -> None:
        """Close every line, at the end or in a child."""
        for slot in (*self.fronts, *self.templates.values()):
            slot.close()


NO_CREW = Crew(())
