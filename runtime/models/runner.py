"""Runner: a model with one batcher for each of its methods."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..batching.batcher import Batcher
from ..batching.policy.window import Limits
from ..batching.request import FutureRequest
from ..data.rows import table
from ..errors import InvalidInput
from ..manifests.signature import Signature
from ..telemetry.metrics import Metrics, queue_name
from ..telemetry.queue_metrics import QueueMetrics
from .backend import ModelBackend
from .invalid_rows import InvalidRows
from .presence import Presence


@dataclass(slots=True)
class Queue:
    """One method: its signature, its metrics, and its current batcher, which a reload replaces."""

    signature: Signature
    batcher: Batcher
    metrics: QueueMetrics


class Runner:
    """Runs batches of all methods of one model, in this process or in others.

    presence   whether the model is loaded; requests wait for it or are refused

    Example:
        backend = ThreadBackend(model, Worker("iris"))
        runner = Runner("iris", backend, {"predict": Limits()}, metrics)
        await runner.start()
        labels = await runner(rows)
    """

    def __init__(
        self, alias: str, backend: ModelBackend, limits: Mapping[str, Limits], metrics: Metrics
    ) -> None:
        self.alias = alias
        self.manifest = backend.manifest
        self.presence = Presence(alias)
        self._backend = backend
        self._queues = {
            method: self._queue(method, limits[method], metrics.queue(queue_name(alias, method)))
            for method in self.manifest.methods
        }

    def _queue(self, method: str, limits: Limits, metrics: QueueMetrics) -> Queue:
        batcher = Batcher(self._backend.executors(method), table, limits, observer=metrics)
        return Queue(self.manifest.methods[method], batcher, metrics)

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods, the default first."""
        return tuple(self._queues)

    @property
    def object(self) -> Any:
        """The library's own object."""
        return self._backend.object

    @property
    def is_alive(self) -> bool:
        """Whether requests are answered now."""
        return self._backend.is_alive

    def queue(self, method: str) -> Queue:
        """The queue of a method, for callers that have no task."""
        return self._queues[method]

    def signature(self, method: str) -> Signature:
        """The inputs and outputs of a method."""
        return self._queues[method].signature

    async def start(self) -> None:
        """Accept requests on the running loop."""
        for queue in self._queues.values():
            await queue.batcher.start()
        self.presence.change("READY")

    async def stop(self, *, drain: bool = True) -> None:
        """Answer the queued requests, or refuse them, then accept no more."""
        for queue in self._queues.values():
            await queue.batcher.stop(drain=drain)

    async def refuse(self) -> None:
        """Answer 503 to whatever waits, and go on."""
        for queue in self._queues.values():
            await queue.batcher.stop(drain=False)
            await queue.batcher.start()

    def exchange(self, other: "Runner") -> None:
        """Answer from now on where `other` did, which has been started; and the other way round."""
        for method, queue in self._queues.items():
            theirs = other.queue(method)
            queue.batcher, theirs.batcher = theirs.batcher, queue.batcher
        self._backend, other._backend = other._backend, self._backend  # noqa: SLF001  one of us

    def close(self) -> None:
        """Let go of the model, once it is stopped."""
        self._backend.close()

    async def submit(
        self, batch: Any, method: str, *, size: int = 0, deadline: float | None = None
    ) -> Any:
        """Run `batch`, which was checked against the signature.

        size      of the request in bytes
        deadline  on the monotonic clock

        Raises:
            RequestError: see `Batcher.enqueue`.
        """
        return await self.answer(FutureRequest(batch, table.rows(batch), size, deadline), method)

    async def answer(self, request: FutureRequest, method: str) -> Any:
        """Answer a request whose batch was checked against the signature.

        Raises:
            RequestError: see `Batcher.enqueue` and `Presence.arrival`.
        """
        if not self.presence.is_here:
            await self.presence.arrival(request.deadline)
        queue = self._queues[method]
        rows = request.rows
        queue.metrics.pending(rows)
        try:
            queue.batcher.enqueue(request, table.key(queue.signature.inputs, request.batch))
            return await request.answer()
        finally:
            queue.metrics.pending(-rows)

    async def __call__(self, batch: Any, method: str | None = None) -> Any:
        """The answer for a batch of an author's own making, through the batcher.

        Raises:
            InvalidRows: when it does not fit the signature.
        """
        method = method or self.manifest.default_method
        batch = self._fit(batch, method)
        return await self.submit(batch, method, size=table.nbytes(batch))

    def direct(self, batch: Any, method: str | None = None) -> Any:
        """The answer for a batch, in this thread and past the batcher."""
        method = method or self.manifest.default_method
        return self._backend.call(method, self._fit(batch, method))

    async def warm_up(
        self, method: str, instances: list[Any], seconds: float, most: int | None = None
    ) -> None:
        """Learn the cost of batches of rows like `instances`, before the first request.

        Up to `most` rows where that is given, else up to the largest batch or about `seconds`.
        """
        queue = self._queues[method]
        batch = table.gather(queue.signature.inputs, instances, nan_as_null=True)
        if most is None:
            key = table.key(queue.signature.inputs, batch)
            await queue.batcher.warm_up(batch, key, seconds=seconds)
            return
        for size in (1 << power for power in range(most.bit_length())):
            many = table.concat([batch] * -(-size // len(instances)))
            await self.submit(table.slice(many, 0, size), method)

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Leave what is run meanwhile out of the metrics."""
        metrics = [queue.metrics for queue in self._queues.values()]
        for each in metrics:
            each.is_counting = False
        try:
            yield
        finally:
            for each in metrics:
                each.is_counting = True

    def _fit(self, batch: Any, method: str) -> Any:
        inputs = self._queues[method].signature.inputs
        try:
            return table.fit(inputs, batch, nan_as_null=True)
        except InvalidInput as error:
            raise InvalidRows(self.alias, method, batch, error.detail) from error
