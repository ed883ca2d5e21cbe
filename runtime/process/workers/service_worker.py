"""Runs a service process: the author's class and its models, for one front."""

import logging
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ...errors import BundleError
from ...hosting.host import Host
from ...hosting.readiness import Readiness
from ...models.operation import Operation
from ...plan import Plan
from ...remote.model_process import prepare
from ...rpc.call_channel import CallChannel
from ...rpc.service_process import ServiceProcess, run
from ...system import process_group
from ...telemetry.heartbeat import Heartbeat
from ...telemetry.metrics import Metrics

if TYPE_CHECKING:
    from ...manifests.route import Route

log = logging.getLogger(__name__)


class _Telling(Readiness):
    """A Readiness that reports what the host is doing."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._tell = tell

    def starting(self, what: str) -> None:
        """Report what the host is doing now."""
        self._tell(what)


class _Served:
    """The Host in the form that `rpc.service_process` expects."""

    def __init__(self, host: Host, metrics: Metrics) -> None:
        self._host = host
        self.routes: tuple[Route, ...] = host.routes
        self._heartbeat = Heartbeat(metrics.lagged, host.tell_costs)

    async def load(self, report: Callable[[str], None]) -> Mapping[str, Operation]:
        """Load everything; unexpected errors are logged with their traceback."""
        try:
            operations = await self._host.load(_Telling(report))
        except BundleError:
            raise
        except Exception as error:
            log.exception("The bundle cannot be loaded.")
            why = f"{type(error).__name__}: {error}"
            raise BundleError(f"The bundle cannot be loaded: {why}") from error
        self.routes = self._host.routes
        self._heartbeat.start()
        return operations

    async def stop(self) -> None:
        """Answer queued calls, then unload."""
        self._heartbeat.stop()
        await self._host.stop()


def serve_service(
    channel: CallChannel,
    plan: Plan,
    metrics: Metrics,
    generation: int,
    on_ready: Callable[[], None],
) -> None:
    """Load the bundle, and answer the calls of a front until the front disconnects.

    Raises:
        BundleError: when the bundle cannot be loaded.
    """
    process_group.lead()
    prepare()
    process_group.reset_signals_in_forks()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a log, now
    process = ServiceProcess(channel, generation)
    run(process, _Served(Host(plan, metrics, on_hang=process.hung), metrics), on_ready)
