"""RemoteHost: a Host whose service class and models are in a process of their own."""

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..batching.policy.cost import CostModel
from ..errors import InvalidBundle, NotSupported
from ..manifests.added_model import AddedModel
from ..manifests.route import Route
from ..models.operation import Operation
from ..plan import Plan
from ..rpc.remote_operation import RemoteOperation
from ..rpc.service_link import ServiceLink
from .readiness import Readiness

if TYPE_CHECKING:
    from ..models.runner import Runner

log = logging.getLogger(__name__)

_WHY = "the service class has the models that it names."


class RemoteHost:
    """A Host that imports no code of the author."""

    decoder = None  # the service process decodes its bodies
    hosted = None  # an author's class needs all of its models

    def __init__(self, plan: Plan, link: ServiceLink) -> None:
        self.plan = plan
        self.runners: dict[str, Runner] = {}  # they are with the service
        self.routes = plan.routes  # completed by the service process once it is loaded
        self._link = link
        self._name = str(plan.manifest.service)

    async def load(self, readiness: Readiness) -> Mapping[str, Operation]:
        """Wait until the process is ready; the operation of each route's path."""
        arrived = asyncio.Event()

        def changed() -> None:
            if self._link.is_ready:
                readiness.found(self._name)
                arrived.set()
            elif arrived.is_set():
                why = f"{self._link.why} and " if self._link.why else ""
                readiness.missing(self._name, f"the service {why}is being started again")

        def busy(what: str) -> None:
            if not arrived.is_set():
                readiness.starting(what)

        self._link.on_change, self._link.on_state = changed, busy
        self._link.start(asyncio.get_running_loop())
        await arrived.wait()
        self.routes = _completed(self.plan.routes, self._link.routes)
        return {
            route.path: RemoteOperation(
                self._link,
                index,
                is_idempotent=route.idempotent or route.model is not None,
                with_headers=bool((route.input or {}).get("headers")),
            )
            for index, route in enumerate(self.routes)
        }

    def add_model(self, added: AddedModel) -> Mapping[str, Operation]:
        """Refuse: models cannot be added to a service class.

        Raises:
            NotSupported: always.
        """
        raise NotSupported(f"`{added.alias}` cannot come: {_WHY}")

    def remove_model(self, alias: str) -> None:
        """Refuse: no model can be added to a service class.

        Raises:
            NotSupported: always.
        """
        raise NotSupported(f"`{alias}` cannot go: {_WHY}")

    async def refuse(self) -> None:
        """Answer 503 to all waiting requests."""
        self._link.refuse()

    async def stop(self) -> None:
        """Have the process finish, and call the author's `close`."""
        await self._link.stop(self.plan.settings.drain_timeout)

    def costs(self) -> dict[str, CostModel]:
        """Empty: batches are made in the other process."""
        return {}

    def tell_costs(self) -> None:
        """Nothing: the other process has these metrics."""


def _completed(routes: tuple[Route, ...], described: list[dict[str, object]]) -> tuple[Route, ...]:
    """The routes, with the details that only the loaded class knows.

    Raises:
        InvalidBundle: when the process speaks of others.
    """
    found = tuple(map(Route.from_json, described))
    if [route.path for route in found] != [route.path for route in routes]:
        raise InvalidBundle("The service process has other routes than the bundle.")
    return found
