"""Serving: what each process of a server does, from its fork to its exit code."""

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from ..manifests.settings import ServeSettings
from ..models.imports import uncollected
from ..plan import Plan
from ..remote.model_process import load_model, serve_model  # before the fork, for both sides of it
from ..system import crash_trace, process_group
from ..system.log_output import STDOUT
from ..telemetry.metrics import Metrics
from ..trust import verify_model
from .crew.control import Event
from .crew.crew import Crew, FrontSlot, ModelSlot, ProcessSlot, TemplateSlot
from .crew.service_slot import ServiceSlot
from .crew.stderr_tail import STDERR
from .machine import thread_count
from .machine.cgroup import usable_cores
from .machine.device import Device, pin
from .machine.topology import Topology
from .server_sockets import ServerSockets
from .sockets.accept_queue import turn_away
from .sockets.forked_copies import close_in_forks
from .sockets.grpc_port import GrpcPort
from .sockets.management_port import ManagementPort
from .supervising.autoscaler import Autoscaler
from .supervising.load_coordinator import LoadCoordinator
from .supervising.model_status import ModelStatus
from .supervising.registrar import Registrar
from .supervising.supervision import Supervision

if TYPE_CHECKING:
    from ..grpc.front import Front
    from ..grpc.services.management import Management as GrpcManagement
    from ..http.access_log import Access
    from ..http.app import Application
    from ..models.model import LoadedModel
    from .workers.management_front import ManagementFront

log = logging.getLogger(__name__)

CREWS = 4  # that may exist at once: one serves, one starts, some finish their requests


@dataclass(slots=True)
class Serving:
    """Implements `Duties`: what the processes of a server do, and what happens around them."""

    plan: Plan
    topology: Topology
    devices: tuple[Device, ...]
    metrics: Metrics
    sockets: ServerSockets
    autoscaler: Autoscaler
    statuses: dict[str, ModelStatus]
    preferred: list[str] = field(default_factory=list)
    has_served: bool = False
    crews: dict[int, Crew] = field(default_factory=dict)  # by where their rows are
    registrar: Registrar | None = None

    def new_crew(self, number: int) -> Crew:
        """The slots that the topology asks for; each crew has its own rows of the counters."""
        # The rows of a crew that has ended are used again, and its counts go on.
        free = (at for at in range(CREWS) if at not in self.crews or self.crews[at].is_gone)
        place = next(free, number % CREWS)
        first = self.topology.most_fronts * place
        fronts = [
            FrontSlot(index, first + index, self._models(index, first + index))
            for index in range(self.topology.fronts)
        ]
        self.crews[place] = Crew(fronts, self._templates())
        return self.crews[place]

    def _present(self) -> list[str]:
        """The aliases of the models that are loaded now."""
        return [alias for alias, each in self.statuses.items() if each.state == "READY"]

    # --- loads and unloads: SlotFactory ---

    def coordinator(self, supervision: Supervision) -> LoadCoordinator:
        """The coordinator of this server's models."""
        coordinator = LoadCoordinator(self.statuses, self, supervision)
        self.preferred = coordinator.preferred
        if self.plan.settings.registration == "store":
            self.registrar = Registrar(
                self, self.sockets.handover.resolver, coordinator, supervision
            )
        return coordinator

    def slots(self, alias: str) -> list[ModelSlot]:
        """Slots for the processes of a model that work for one front; none if it is in threads."""
        status = self.statuses[alias]
        count = 0 if self.topology.is_threaded else status.replicas or self.topology.replicas
        return [ModelSlot(alias, at, self._device(at), status.term) for at in range(count)]

    def origin(self, alias: str) -> TemplateSlot | None:
        """A slot for the template of a model, if its processes share one."""
        return TemplateSlot(alias) if self._shares(alias) else None

    def _shares(self, alias: str) -> bool:
        """Whether the processes of a model are forked from a template; never on a GPU."""
        count = self.topology.fronts * (self.statuses[alias].replicas or self.topology.replicas)
        is_alone = count == 1 or self.topology.kind in {"service", "thread"}
        return not (is_alone or self.devices or sys.platform != "linux")

    def _templates(self) -> list[TemplateSlot]:
        return [TemplateSlot(alias) for alias in self._present() if self._shares(alias)]

    def _models(self, index: int, row: int) -> tuple[ModelSlot, ...]:
        """The slots of the processes that work for the front with this index and row."""
        if self.topology.kind == "service":
            row += CREWS * self.topology.most_fronts
            service = str(self.plan.manifest.service)
            return (ServiceSlot(service, row, self._device(index)),)
        return tuple(slot for alias in self._present() for slot in self.slots(alias))

    def _device(self, index: int) -> str | None:
        return self.devices[index % len(self.devices)].visible if self.devices else None

    # --- in the children ---

    def front(self, slot: FrontSlot, on_ready: Callable[[], None]) -> int:
        """Run a front, with models in this process or in others."""
        with uncollected():
            from ..http.app import create_app
            from .workers.front_server import FrontServer, run
            from .workers.supervisor_link import SupervisorLink, model_links, service_link

        crash_trace.enable(STDERR)
        self.sockets.handover.leave()
        self.metrics.counters.take(slot.row)
        absent = {name: s.why for name, s in self.statuses.items() if s.state != "READY"}
        plan = replace(self._paced(), absent=absent, preferred=tuple(self.preferred))
        if self.topology.is_threaded:
            process_group.reset_signals_in_forks()
            close_in_forks(self.sockets.ports)
            plan = _pinned(plan, self._device(slot.index))
        elif self.devices:
            plan = replace(plan, device="cuda:0")  # where the processes of its models compute
        access = _access_log(plan.settings)
        assert slot.control is not None
        line = slot.control.front
        links = None if self.topology.is_threaded else model_links(slot, line)
        service = service_link(slot, line, plan.settings)
        application = create_app(
            plan, metrics=self.metrics, access=access, links=links, service=service
        )
        application.on_ready = on_ready
        is_alone = self.topology.fronts == 1
        server = FrontServer(application, self._others_are_ready, line=line, is_alone=is_alone)
        server.has_models_elsewhere = not self.topology.is_threaded
        server.grpc = _grpc_front(application, self.sockets.grpc, self.sockets.management)
        server.management = _management_front(application, self.sockets.management)
        SupervisorLink(line, server, links or {}, service, self.topology.fronts).start()
        return run(server, self.sockets.listener)

    def model(self, slot: ModelSlot, on_ready: Callable[[], None]) -> int:
        """Answer the batches of one front."""
        if isinstance(slot, ServiceSlot):
            return self._service(slot, on_ready)
        assert slot.channel is not None
        self.sockets.leave()
        if slot.term and slot.generation == 1:
            self._verify(slot.alias)
        plan = _pinned(self.plan, slot.device)
        thread_count.limit(thread_count.announce(self.topology.threads))
        serve_model(slot.channel, plan, slot.alias, plan.device, slot.generation, on_ready)
        return 0

    def _service(self, slot: ServiceSlot, on_ready: Callable[[], None]) -> int:
        """Answer the calls of one front."""
        from .workers.service_worker import serve_service

        assert slot.calls is not None
        self.sockets.leave()
        self.metrics.counters.take(slot.row)
        plan = _pinned(self._paced(), slot.device)
        thread_count.limit(thread_count.announce(self.topology.threads))
        serve_service(slot.calls, plan, self.metrics, slot.generation, on_ready)
        return 0

    def _paced(self) -> Plan:
        """The plan for processes that batch."""
        return replace(self.plan, is_crowded=self.topology.is_crowded(usable_cores()))

    def template(self, slot: TemplateSlot, on_ready: Callable[[], None]) -> int:
        """Load a model, and fork the processes that answer with it."""
        from .workers.template import serve_template

        assert slot.template is not None
        self.sockets.leave()
        # A model may have been added after the digests of all models were checked.
        comes_late = self.has_served or self.statuses[slot.alias].term
        if comes_late and slot.generation == 1:
            self._verify(slot.alias)
        threads = thread_count.announce(self.topology.threads)
        began = partial(thread_count.limit, threads)
        return serve_template(slot.template, partial(self._load, slot.alias), began, on_ready)

    def _verify(self, alias: str) -> None:
        """Check the digests of a model that is loaded after the start, when all were checked."""
        verify_model(*self.plan.model_files(alias))

    def _load(self, alias: str) -> "LoadedModel":
        return load_model(self.plan, alias, self.plan.device)

    def _others_are_ready(self) -> bool:
        return self.metrics.is_any_ready() or self.has_predecessor

    # --- in the supervisor ---

    @property
    def has_predecessor(self) -> bool:
        """Whether the server that this one replaces still answers."""
        return self.sockets.handover.is_successor and not self.has_served

    @property
    def is_replaceable(self) -> bool:
        """Whether the starting process holds the socket, and may start a successor on it."""
        return self.sockets.handover.listener >= 0

    def crew_ready(self, crew: Crew) -> None:
        """Open the fronts, and log that the server or the new crew is ready."""
        for front in crew.serving:
            front.allow_ready()
        now = self.topology
        self.metrics.topology(now.kind, now.fronts, 0 if now.is_threaded else now.replicas)
        if not self.has_served:
            self.has_served = True
            seconds = time.monotonic() - self.sockets.began
            name, url = self.plan.manifest.name, self.sockets.address.url
            grpc = self.sockets.grpc
            managed = self.sockets.management
            spoken = f"{url}, gRPC on {grpc.url}" if grpc else url
            spoken += f", management on {managed.url}" if managed else ""
            log.info("Serving `%s` on %s (ready in %.2f s).", name, spoken, seconds)
            self.sockets.handover.ready()
        else:
            log.info("The new processes serve; the old ones finish what they have begun.")

    def check_load(self, crew: Crew) -> bool:
        """Ask a busy crew for the cost of its batches, until the topology is settled."""
        if self.topology.is_settled:
            return False
        if self.autoscaler.is_busy(crew):
            crew.fronts[0].tell("measure")
        return True

    def handle(self, slot: FrontSlot, event: Event) -> bool:
        """Handle measured costs of batches, which may call for more processes."""
        if self.registrar is not None and self.registrar.handle(slot, event):
            return False
        if event["event"] != "costs" or self.topology.is_settled:
            return False
        before, self.topology = (
            self.topology,
            self.autoscaler.chosen(self.topology, slot.crew, event["costs"]),
        )
        if self.topology.is_settled:
            log.info("Processes: %s.", self.topology)
        return self.topology.size != before.size

    def process_died(self, slot: ProcessSlot, cause: str) -> None:
        """Count the death in the metrics; a front's requests in flight have ended with it."""
        if isinstance(slot, FrontSlot):
            self.metrics.died(slot.row)
        elif isinstance(slot, ServiceSlot):
            self.metrics.service_died(slot.row)
        elif isinstance(slot, ModelSlot):
            self.metrics.model_died(slot.alias, cause)

    def process_ready(self, slot: ProcessSlot) -> None:
        """Add the process to the memory metrics, and open its crew if that is complete."""
        if slot.child is not None:
            self.metrics.processes.enter(slot.child.pid, **slot.labels)
        if isinstance(slot, FrontSlot):
            self._allow_ready(slot.crew)

    def _allow_ready(self, crew: Crew) -> None:
        """Let the first fronts report ready together, and later ones at once.

        A front that still loads may have accepted connections, which it could only refuse.
        """
        serving = [front for each in self.crews.values() for front in each.serving]
        is_told = self.has_predecessor or any(front.may_be_ready for front in serving)
        for front in crew.serving if is_told or crew.is_ready else ():
            front.allow_ready()

    def process_ended(self, pid: int) -> None:
        """Remove the process from the memory metrics."""
        self.metrics.processes.leave(pid)

    def front_finished(self, slot: FrontSlot) -> None:
        """Reset the gauges of a front that has finished, and those of its service process."""
        for each in (slot, *slot.models):
            if isinstance(each, FrontSlot | ServiceSlot):
                self.metrics.counters.forget(each.row)

    def handed_over(self) -> None:
        """Close the management port, where the successor listens, and stop asking the store."""
        if self.registrar is not None:
            self.registrar.end()
        if self.sockets.management is not None:
            self.sockets.management.leave()

    def refuse_connections(self) -> None:
        """Drop new connections, in all processes."""
        if self.registrar is not None:
            self.registrar.end()
        turn_away(self.sockets.listener)


def _pinned(plan: Plan, device: str | None) -> Plan:
    """The plan for this process, which sees one GPU or none."""
    return plan if device is None else replace(plan, device=pin(device))


def _grpc_front(
    application: "Application", port: GrpcPort | None, managed: ManagementPort | None
) -> "Front | None":
    if port is None:
        return None
    from ..grpc.front import Front, GrpcEndpoint  # after the fork: grpc has threads

    return Front(
        application.fast_path.shared,
        application.catalog,
        application.access,
        application.tracing,
        GrpcEndpoint(port.host, port.port),
        None if managed is None else _grpc_management(application, managed),
    )


def _grpc_management(application: "Application", port: ManagementPort) -> "GrpcManagement | None":
    """The calls that need the token, where the bundle has them over gRPC as well."""
    if not application.fast_path.shared.settings.management.grpc:
        return None
    from ..dialects.torchserve.management import Management
    from ..grpc.services.management import Management as Calls
    from ..http.bearer import Bearer

    processes = application.metrics.processes
    return Calls(Management(application.catalog, lambda: processes), Bearer(port.token))


def _management_front(
    application: "Application", port: ManagementPort | None
) -> "ManagementFront | None":
    if port is None:
        return None
    from .workers.management_front import ManagementFront

    return ManagementFront(application, port)


def _access_log(settings: ServeSettings) -> "Access":
    from ..http.access_log import AccessLog, NoAccessLog

    if not settings.access_log:
        return NoAccessLog()
    return AccessLog(STDOUT, with_probes=settings.log == "debug")
