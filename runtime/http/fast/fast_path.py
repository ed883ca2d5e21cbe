"""FastPath: what all connections of a server share on the fast path."""

import asyncio
from collections.abc import Container, Sequence

from ...models.operation import ModelOperation
from ...telemetry.traced import Tracing
from ..access_log import Access
from ..dialect_endpoint import DialectRouter
from ..request.ids import Ids
from ..shared_state import SharedState
from .destinations import Destinations
from .large_body import BufferPool
from .native_intake import NativeIntake
from .requests.fast_request import FastRequest
from .requests.head_cache import HeadCache
from .requests.plain_head import HeadReader
from .requests.queued_reply import DateCache


class FastPath:
    """The routes of the fast path, and the state of the requests there.

    own   all paths of the bundle itself; no dialect answers them
    """

    def __init__(
        self,
        shared: SharedState,
        access: Access,
        tracing: Tracing | None,
        router: DialectRouter | None,
        own: Container[str],
    ) -> None:
        self.shared = shared
        self.readiness = shared.readiness
        self.budget = shared.budget
        self._destinations = Destinations(self, router, own)
        self.reader = HeadReader(shared.settings, self._destinations)
        self.heads = HeadCache(shared.settings.limits)
        self.ids = Ids()
        self.buffers = BufferPool()
        self.date = DateCache()
        self._access = access
        self._tracing = tracing
        self.open = 0  # complete requests without an answer
        self._drained: asyncio.Future[None] | None = None

    def add(self, path: str, operation: ModelOperation) -> None:
        """Add the route at `path`, if its requests are batched."""
        if operation.queue.batcher.limits.mergeable:
            self._destinations.add(path, NativeIntake(path, operation, self))

    def began(self, requests: int) -> None:
        """Count `requests` that have arrived."""
        self.shared.metrics.began(requests)

    def ended(self, requests: Sequence[FastRequest], status: int, now: float) -> None:
        """Record the end of requests of one route: answered, or given up by their clients."""
        received = rows = 0
        seconds = []
        for request in requests:
            request.status = status
            received += request.head.length
            rows += request.rows
            seconds.append(now - request.began)
        self.budget.give(received)
        route = requests[0].head.intake.route
        requests[0].group.left(rows)
        self.shared.metrics.ended_together(route, status, seconds)
        self._access.write_all(requests, now)
        if self._tracing is not None:
            for request in requests:
                self._tracing.ended(request, request, route, now)
        self.open -= len(requests)
        if not self.open and self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    async def drained(self) -> None:
        """Wait until every request has been answered."""
        if self.open:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained
