"""SupervisorLink: handles the events that the supervisor sends to a front."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from ...manifests.added_model import AddedModel
from ...manifests.settings import ServeSettings
from ...models.state import CANNOT_LOAD
from ...remote.channel import Channel
from ...remote.model_link import Kill, ModelLink
from ...rpc.service_link import ServiceLink
from ..crew.control import ControlLine, Event
from ..crew.crew import FrontSlot
from ..crew.service_slot import ALIAS, ServiceSlot
from ..supervising.front_watchdog import is_debugged

if TYPE_CHECKING:
    from ...hosting.hosted_models import HostedModels
    from .front_server import FrontServer

log = logging.getLogger(__name__)

Key = tuple[str, int, int]
"""Model, term, replica."""


class SupervisorLink:
    """A front's end of the control line, and the Coordinator of its models.

    links    to the model processes, by alias
    service  to the service process, if there is one
    fronts   the number of fronts in the crew
    """

    def __init__(
        self,
        line: ControlLine,
        server: "FrontServer",
        links: Mapping[str, Sequence[ModelLink]],
        service: ServiceLink | None,
        fronts: int,
    ) -> None:
        self._line = line
        self._fronts = fronts
        self._server = server
        self._links: dict[Key, ModelLink | ServiceLink] = {
            (link.alias, link.term, link.replica): link for each in links.values() for link in each
        }
        if service is not None:
            self._links[ALIAS, 0, 0] = service
        self._handlers: dict[str, Callable[[Event], None]] = {
            "leave": lambda _: server.leave(),
            "shut_down": lambda _: server.refuse_at_end(),
            "ping": lambda _: line.send("pong", is_debugged=is_debugged()),
            "allow_ready": lambda _: server.allow_ready(),
            "measure": lambda _: line.send("costs", costs=self._costs()),
            "process_started": self._born,
            "process_died": self._died,
        }

    def start(self) -> None:
        """Handle the supervisor's events from now on."""
        hosted = self._server.application.hosted
        if hosted is not None:
            hosted.attach(self)
            self._handlers |= self._model_handlers(hosted)
        self._line.on_event = lambda event: self._handlers[event["event"]](event)

    def _model_handlers(self, hosted: "HostedModels") -> dict[str, Callable[[Event], None]]:
        return {
            "prepare": lambda e: self._prepare(hosted, e),
            "commit": lambda e: hosted.transitions.commit(e["model"], e["term"]),
            "abort": lambda e: hosted.transitions.abort(e["model"], e["term"]),
            "unload": lambda e: hosted.begin_unload(e["model"], e["term"]),
            "model_state": lambda e: hosted.set_state(
                e["model"], e["state"], e["why"], failed=e["failed"]
            ),
            "add_model": lambda e: hosted.add_model(
                AddedModel.from_json(e["added"]), e["request_ids"]
            ),
            "remove_model": lambda e: hosted.remove_model(e["model"]),
            "prefer": lambda e: hosted.preferred(e["model"]),
            "result": lambda e: hosted.set_result(e["request_id"], e["state"], e["why"]),
        }

    # --- to the supervisor: a Coordinator ---

    def ask(self, what: str, alias: str, request_id: int, workers: int | None = None) -> None:
        """Have a model loaded, unloaded, or made the default everywhere."""
        replicas = None if workers is None else -(-workers // self._fronts)
        self._line.send(what, model=alias, request_id=request_id, replicas=replicas)

    def tell(self, event: str, alias: str, term: int, why: str = "") -> None:
        """Report the result of a load or unload in this process."""
        if event in {"committed", "unloaded"}:
            for key in [key for key in self._links if key[0] == alias]:
                if event == "unloaded" or key[1] < term:
                    del self._links[key]
        self._line.send(event, model=alias, term=term, why=why)

    # --- from the supervisor ---

    def _born(self, event: Event) -> None:
        link = self._links.get(_key(event))
        if link is not None:
            link.born(event["generation"])

    def _died(self, event: Event) -> None:
        link = self._links.get(_key(event))
        if link is not None:
            link.died(event["generation"], event["why"])

    def _prepare(self, hosted: "HostedModels", event: Event) -> None:
        alias, term = event["model"], event["term"]
        try:
            links = self._adopt(event)
        except OSError as error:
            log.error("Model `%s` cannot be loaded: %s.", alias, error.strerror)  # noqa: TRY400
            self.tell("failed", alias, term, CANNOT_LOAD)
            return
        hosted.transitions.prepare(alias, term, links)

    def _adopt(self, event: Event) -> list[ModelLink] | None:
        """Links over the received channels to a model's processes; None if it runs in threads.

        Raises:
            OSError: when there was no room for all of their descriptors.
        """
        alias, term = event["model"], event["term"]
        ends = iter(self._line.take(sum(event["channels"])))
        links = []
        for replica, count in enumerate(event["channels"]):
            channel = Channel.adopt_front(list(islice(ends, count)))
            link = ModelLink(channel, alias, replica, _killer(self._line, alias, term, replica))
            link.term = term
            self._links[alias, term, replica] = link
            links.append(link)
        return links or None

    def _costs(self) -> dict[str, tuple[float, float, int]]:
        costs = self._server.application.costs()
        return {name: (cost.alpha, cost.beta, cost.count) for name, cost in costs.items()}


def model_links(slot: FrontSlot, line: ControlLine) -> dict[str, list[ModelLink]]:
    """Links to the model processes that a front starts with, by alias."""
    links: dict[str, list[ModelLink]] = {}
    for model in slot.models:
        if isinstance(model, ServiceSlot):
            continue
        assert model.channel is not None
        kill = _killer(line, model.alias, model.term, model.replica)
        link = ModelLink(model.channel.for_front(), model.alias, model.replica, kill)
        link.term = model.term
        links.setdefault(model.alias, []).append(link)
    return links


def service_link(slot: FrontSlot, line: ControlLine, settings: ServeSettings) -> ServiceLink | None:
    """The link to the service process of a front, if it has one."""
    for each in slot.models:
        if isinstance(each, ServiceSlot) and each.calls is not None:
            kill = _killer(line, each.alias, each.term, each.replica)
            return ServiceLink(each.calls.for_front(), kill, settings)
    return None


def _killer(line: ControlLine, alias: str, term: int, replica: int) -> Kill:
    return partial(_request_kill, line, (alias, term, replica))


def _request_kill(line: ControlLine, key: Key, generation: int, why: str) -> None:
    alias, term, replica = key
    line.send(
        "kill_process", model=alias, term=term, replica=replica, generation=generation, why=why
    )


def _key(event: Event) -> Key:
    return event["model"], event["term"], event["replica"]
