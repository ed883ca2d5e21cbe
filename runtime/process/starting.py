"""Start: from a command line to a server that listens, or to one sentence about why not."""

import faulthandler
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from .. import trust
from ..batching.window import Limits
from ..errors import NoDevice
from ..http import json_log
from ..http.access_log import AccessLog, NoAccessLog
from ..manifest import Route
from ..plan import Plan
from ..settings import ServeSettings
from ..telemetry.metrics import Metrics
from .address import Address
from .device import Device, preflight
from .last_words import STDERR
from .newcomers import turn_away
from .options import Options
from .supervisor import Supervisor

log = logging.getLogger(__name__)

_ON_GPU = frozenset({"torch", "xgboost", "onnx"})


@dataclass(frozen=True, slots=True)
class Start:
    """Everything that is decided before a port is opened."""

    plan: Plan
    address: Address
    workers: int
    devices: tuple[Device, ...]
    began: float  # on the monotonic clock

    @classmethod
    def of(cls, options: Options, routes: Sequence[Route] = ()) -> "Start":
        """Decide, check and verify.

        Raises:
            BundleError: for everything that keeps the bundle from being served.
        """
        began = time.monotonic()
        plan = checked_plan(options, routes)
        plan = replace(plan, settings=_settings(plan.settings, options))
        json_log.configure(plan.settings.log)
        devices = _devices(plan, options)
        workers = plan.settings.workers
        workers = len(devices) or 1 if workers == "auto" else workers
        address = Address.choose(options.host, options.port, plan.settings)
        start = cls(plan, address, workers, devices, began)
        if options.explain:
            start.explain()
        return start

    def run(self) -> int:
        """Listen, and serve until the end; the exit code.

        Raises:
            BundleError: when the port is taken or the bundle cannot be loaded.
        """
        trust.verify(self.plan.directory, self.plan.manifest.files)
        listener = self.address.bind()
        address = self.address.bound(listener)
        metrics = Metrics.of(self.plan, self.workers)
        if self.workers == 1:
            return self.serve(0, listener, metrics, partial(self._announce, address))
        supervisor = Supervisor(
            self.workers,
            lambda index, on_ready: self.serve(index, listener, metrics, on_ready),
            grace=self.plan.settings.drain_timeout,
            on_ready=partial(self._announce, address),
            on_death=metrics.died,
            on_last_call=partial(turn_away, listener),
        )
        return supervisor.run()

    def serve(
        self, index: int, listener: socket.socket, metrics: Metrics, on_ready: Callable[[], None]
    ) -> int:
        """Serve in this process, which is the `index`th; the exit code."""
        from ..http.app import create_app
        from .life import Life, run

        faulthandler.enable(STDERR, all_threads=False)
        metrics.counters.take(index)
        plan = self.plan
        if self.devices:
            device = self.devices[index % len(self.devices)]
            os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # as nvidia-smi counts
            os.environ["CUDA_VISIBLE_DEVICES"] = str(device.index)
            plan = replace(plan, device="cuda:0")
        access = _access_log(plan.settings) if plan.settings.access_log else NoAccessLog()
        application = create_app(plan, metrics=metrics, access=access)
        application.on_ready = on_ready
        others_are_ready = metrics.is_any_ready if self.workers > 1 else None
        return run(Life(application, others_are_ready), listener)

    def explain(self) -> None:
        """Say what was chosen, and why."""
        plan = self.plan
        log.info("Bundle `%s` in %s.", plan.manifest.name, plan.directory)
        log.info("Address %s; the port is from %s.", self.address.url, self.address.why)
        log.info("Processes: %d; each loads the models itself.", self.workers)
        for device in self.devices:
            log.info("GPU %d: %s, driver %s.", device.index, device.name, device.driver)
        for route in plan.routes:
            what = f"model `{route.model}`" if route.model else f"service `{plan.manifest.service}`"
            limits = plan.limits(route, batchable=route.batchable)
            log.info(
                "POST %s: `%s` of the %s; %s.", route.path, route.method, what, _batching(limits)
            )

    def _announce(self, address: Address) -> None:
        seconds = time.monotonic() - self.began
        log.info(
            "Serving `%s` on %s (ready in %.2f s).", self.plan.manifest.name, address.url, seconds
        )


def checked_plan(options: Options, routes: Sequence[Route] = ()) -> Plan:
    """The plan of a bundle whose code may run here.

    Raises:
        BundleError: when it may not, or there is no bundle.
    """
    plan = Plan.read(options.directory.resolve(), routes=routes)
    trust.check(plan.directory, plan.manifest, granted=options.trust)
    return plan


def _devices(plan: Plan, options: Options) -> tuple[Device, ...]:
    if options.gpus is None:
        return ()
    frameworks = {entry.framework for entry in plan.manifest.models}
    if frameworks and not frameworks & _ON_GPU and plan.manifest.service is None:
        names = ", ".join(sorted(frameworks))
        raise NoDevice(f"`--gpu` was given, but {names} models run on CPUs only.")
    return preflight(options.gpus, plan.manifest.accelerator)


def _settings(settings: ServeSettings, options: Options) -> ServeSettings:
    """The bundle's settings, as far as the command line does not say otherwise."""
    return settings.merged(workers=options.workers, isolation=options.isolation, http=options.http)


def _access_log(settings: ServeSettings) -> AccessLog:
    return AccessLog(sys.stdout.buffer, with_probes=settings.log == "debug")


def _batching(limits: Limits) -> str:
    if not limits.mergeable:
        return "one call a request"
    budget = 1000 * limits.latency_budget
    return f"up to {limits.max_batch_size} rows a call, which may take {budget:g} ms"
