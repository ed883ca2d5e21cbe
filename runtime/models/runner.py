"""Runner: a loaded model with one batcher for each of its methods."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..batching.batcher import Batcher
from ..batching.executor import ThreadExecutor
from ..batching.window import Limits
from ..batching.worker import Worker
from ..data import table
from ..errors import InvalidInput
from ..signature import Signature
from ..telemetry.metrics import Metrics, QueueMetrics, queue_name
from .model import LoadedModel


@dataclass(frozen=True, slots=True)
class Queue:
    """One method: its signature, its batcher and who counts."""

    signature: Signature
    batcher: Batcher
    metrics: QueueMetrics


class Runner:
    """Answers batches for the methods of one model, all in the model's one thread.

    Example:
        runner = Runner("iris", model, {"predict": Limits()}, metrics, Worker("iris"))
        await runner.start()
        labels = await runner(rows)
    """

    def __init__(
        self,
        alias: str,
        model: LoadedModel,
        limits: Mapping[str, Limits],
        metrics: Metrics,
        worker: Worker,
    ) -> None:
        self.alias = alias
        self.model = model
        self._worker = worker  # one thread: a model is not asked two things at once
        self._queues = {
            method: self._queue(method, limits[method], metrics.queue(queue_name(alias, method)))
            for method in model.manifest.methods
        }

    def _queue(self, method: str, limits: Limits, metrics: QueueMetrics) -> Queue:
        executor = ThreadExecutor(partial(self.model.call, method), table, self._worker)
        batcher = Batcher(executor, table, limits, observer=metrics)
        return Queue(self.model.manifest.methods[method], batcher, metrics)

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods, the default first."""
        return tuple(self._queues)

    @property
    def object(self) -> Any:
        """The library's own object."""
        return self.model.object

    def queue(self, method: str) -> Queue:
        """Where requests for a method wait, for whoever brings them there without a task."""
        return self._queues[method]

    def signature(self, method: str) -> Signature:
        """What a method takes and gives."""
        return self._queues[method].signature

    async def start(self) -> None:
        """Take requests on the running loop."""
        for queue in self._queues.values():
            await queue.batcher.start()

    async def stop(self) -> None:
        """Answer what is queued, then take nothing more."""
        for queue in self._queues.values():
            await queue.batcher.stop()

    async def submit(
        self, batch: Any, method: str, *, size: int = 0, deadline: float | None = None
    ) -> Any:
        """The answer for `batch`, which has been checked against the signature.

        `size` is what the request weighs in bytes, `deadline` a time on the monotonic clock.

        Raises:
            RequestError: see `Batcher.enqueue`.
        """
        queue = self._queues[method]
        rows = table.rows(batch)
        queue.metrics.pending(rows)
        try:
            return await queue.batcher.submit(
                batch,
                rows=rows,
                key=table.key(queue.signature.inputs, batch),
                size=size,
                deadline=deadline,
            )
        finally:
            queue.metrics.pending(-rows)

    async def __call__(self, batch: Any, method: str | None = None) -> Any:
        """The answer for a batch of an author's own making, through the batcher.

        Raises:
            ValueError: when it does not fit the signature; it is not the client's fault.
        """
        method = method or self.model.manifest.default_method
        batch = self._fit(batch, method)
        return await self.submit(batch, method, size=table.nbytes(batch))

    def direct(self, batch: Any, method: str | None = None) -> Any:
        """The answer for a batch, in this thread and past the batcher."""
        method = method or self.model.manifest.default_method
        return self.model.call(method, self._fit(batch, method))

    async def warm_up(
        self, method: str, instances: list[Any], seconds: float, most: int | None = None
    ) -> None:
        """Learn what batches of rows like `instances` cost, so that the first client need not.

        Up to `most` rows where that is given, else up to the largest batch or about `seconds`.
        """
        queue = self._queues[method]
        batch = table.collate(queue.signature.inputs, instances, nan_as_null=True)
        if most is None:
            key = table.key(queue.signature.inputs, batch)
            await queue.batcher.warm_up(batch, key, seconds=seconds)
            return
        for size in (1 << power for power in range(most.bit_length())):
            many = table.concat([batch] * -(-size // len(instances)))
            await self.submit(table.slice(many, 0, size), method)

    def _fit(self, batch: Any, method: str) -> Any:
        inputs = self._queues[method].signature.inputs
        try:
            return table.accept(inputs, batch, nan_as_null=True)
        except InvalidInput as error:
            message = f"Model `{self.alias}`, method `{method}`: {error.detail}"
            raise ValueError(message) from error
