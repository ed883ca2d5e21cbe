"""Start: from the command line to a listening server, or to one error message."""

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .. import trust
from ..batching.policy.window import Limits
from ..dialects.routes import route_names
from ..errors import NoDevice
from ..grpc.routes import route_names as grpc_routes
from ..http import json_log
from ..manifests.route import Route
from ..manifests.settings import ServeSettings
from ..plan import Plan
from ..telemetry.metrics import Metrics
from .handover import Handover
from .machine import topology
from .machine.cgroup import available_memory, usable_cores
from .machine.descriptor_limit import allow_all
from .machine.device import Device, are_granted, preflight
from .machine.topology import FRAMEWORKS_WITH_THREADS, Machine, Topology
from .options import Options
from .server_sockets import ServerSockets
from .serving import CREWS, Serving
from .sockets.address import Address
from .sockets.grpc_port import GrpcPort
from .sockets.management_port import ManagementPort
from .supervising.autoscaler import Autoscaler
from .supervising.front_watchdog import SILENCE
from .supervising.model_status import initial
from .supervising.supervisor import Supervisor

log = logging.getLogger(__name__)

_ON_CPUS = frozenset({"sklearn", "lightgbm"})  # whatever their bundle was locked for


@dataclass(frozen=True, slots=True)
class Start:
    """Everything that is decided before a port is opened."""

    plan: Plan
    address: Address
    topology: Topology
    devices: tuple[Device, ...]
    began: float  # on the monotonic clock

    @classmethod
    def of(cls, options: Options, routes: Sequence[Route] = ()) -> "Start":
        """Check the bundle, the machine and the options, and choose the topology.

        Raises:
            BundleError: when the bundle cannot be served here.
        """
        began = time.monotonic()
        plan = checked_plan(options, routes)
        plan = replace(plan, settings=_settings(plan.settings, options))
        json_log.configure(plan.settings.log)
        devices = _devices(plan, options)
        address = Address.choose(options.host, options.port, plan.settings)
        start = cls(plan, address, _topology(plan, len(devices)), devices, began)
        if options.explain:
            start.explain()
        return start

    def run(self, handover: Handover) -> int:
        """Listen, and serve until the server ends; returns the exit code.

        Raises:
            BundleError: when the port is taken or the bundle cannot be loaded.
        """
        allow_all()
        trust.verify(self.plan.directory, self.plan.manifest.files)
        listener = handover.socket() or self.address.bind()
        shared = handover.is_successor
        grpc = GrpcPort.reserve(self.address.host, self.plan.settings, is_shared=shared)
        # Each front, and each process of a service, has a row of its own; several crews serve
        # while one takes over from another. The last row is the supervisor's.
        rows = 2 * CREWS * self.topology.most_fronts
        replicas = max(self.topology.replicas, usable_cores())
        dialects = self.plan.settings.dialects
        rules = (*route_names(dialects), *(grpc_routes() if grpc else ()))
        metrics = Metrics.of(self.plan, rows + 1, replicas, rules=rules)
        metrics.counters.take(rows)
        labels = {"model": "", "worker": str(rows), "replica": ""}
        metrics.processes.enter(os.getpid(), role="supervisor", **labels)
        managed = ManagementPort.open(self.plan.settings.management, is_shared=shared)
        address = self.address.bound(listener)
        sockets = ServerSockets(address, listener, handover, self.began, grpc, managed)
        autoscaler = Autoscaler(self._machine, has_threads=_has_threads(self.plan))
        statuses = initial(self.plan)
        serving = Serving(
            self.plan, self.topology, self.devices, metrics, sockets, autoscaler, statuses
        )
        settings = self.plan.settings
        silence = max(SILENCE, settings.timeout)  # a front that computes cannot answer pings
        return Supervisor(serving, grace=settings.drain_timeout, silence=silence).run()

    def _machine(self) -> Machine:
        return Machine(usable_cores(), available_memory(), len(self.devices))

    def explain(self) -> None:
        """Log the address, the processes, the GPUs and the routes, with their reasons."""
        plan = self.plan
        log.info("Bundle `%s` in %s.", plan.manifest.name, plan.directory)
        log.info("Address %s; the port is from %s.", self.address.url, self.address.why)
        log.info("Processes: %s.", self.topology)
        for device in self.devices:
            log.info("GPU %d: %s, driver %s.", device.index, device.name, device.driver)
        for route in plan.routes:
            target = (
                f"model `{route.model}`" if route.model else f"service `{plan.manifest.service}`"
            )
            limits = plan.limits(route, batchable=route.batchable)
            log.info(
                "POST %s: `%s` of the %s; %s.", route.path, route.method, target, _batching(limits)
            )


def _has_threads(plan: Plan) -> bool:
    return any(each.framework in FRAMEWORKS_WITH_THREADS for each in plan.manifest.models)


def _topology(plan: Plan, gpus: int) -> Topology:
    machine = Machine(usable_cores(), available_memory(), gpus)
    is_threaded = plan.settings.isolation == "thread"
    if plan.manifest.service is not None and not is_threaded:
        return topology.with_service(plan.settings.workers, machine)
    return topology.first(plan.settings.workers, machine, is_threaded=is_threaded)


def checked_plan(options: Options, routes: Sequence[Route]) -> Plan:
    """The plan of a bundle, verified, whose code this machine trusts.

    Raises:
        BundleError: when it is not trusted, or is no bundle.
    """
    plan = Plan.read(options.directory.resolve(), routes=routes)
    trust.check(plan.directory, plan.manifest, granted=options.trust)
    return replace(plan, settings=plan.settings.merged(dialects=options.dialects))


def _devices(plan: Plan, options: Options) -> tuple[Device, ...]:
    frameworks = {entry.framework for entry in plan.manifest.models}
    is_for_cpus = bool(frameworks) and frameworks <= _ON_CPUS and plan.manifest.service is None
    if options.gpus is None and (is_for_cpus or not are_granted(plan.manifest.accelerator)):
        return ()
    if is_for_cpus:
        names = ", ".join(sorted(frameworks))
        raise NoDevice(
            f"`--gpu` was given, but {names} models run on CPUs only.", hint="Leave out `--gpu`."
        )
    return preflight(options.gpus or (), plan.manifest.accelerator)


def _settings(settings: ServeSettings, options: Options) -> ServeSettings:
    """The bundle's settings, overridden by the command line."""
    port = options.grpc_port
    grpc = None if port is None else replace(settings.grpc, port=port)
    return settings.merged(
        workers=options.workers, isolation=options.isolation, http=options.http, grpc=grpc
    )


def _batching(limits: Limits) -> str:
    if not limits.mergeable:
        return "one call a request"
    rows, usual = limits.max_batch_size, limits.initial_batch_size
    size = f"up to {rows} rows a call"
    if usual is not None and usual < rows:
        size = f"up to {usual} rows a call, {rows} where that pays"
    return f"{size}, which may take {1000 * limits.latency_budget:g} ms"
