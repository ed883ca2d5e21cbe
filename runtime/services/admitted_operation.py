"""AdmittedOperation: refuses at once a call that would be answered too late."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

from ..batching.observer import BatchObserver
from ..batching.policy.congestion import Congestion
from ..data.payload import Payload
from ..errors import DeadlineExceeded, Overloaded, PredictionFailed
from ..manifests.route import Route
from ..models.operation import Call, Operation, Stream


class AdmittedOperation:
    """An operation whose durations are learned.

    For a stream, the duration until it begins counts. `observer` gets the refusals.
    """

    def __init__(self, operation: Operation, observer: BatchObserver) -> None:
        self._operation = operation
        self._observer = observer
        self._congestion = Congestion()

    async def __call__(self, call: Call) -> Payload | Stream:
        """Answer `call`.

        Raises:
            Overloaded: the answer is predicted to come after the deadline.
            RequestError: as the operation itself.
        """
        congestion, began = self._congestion, time.monotonic()
        slack = call.deadline - began
        wait = congestion.wait(slack, began)
        if wait:
            self._observer.refused("wait")
            raise Overloaded("The queue is too long for the deadline.", retry_after=wait)
        started = congestion.begin(slack, began)
        try:
            answer = await self._operation(call)
        except (DeadlineExceeded, asyncio.CancelledError):
            congestion.given_up(started, time.monotonic())
            raise
        except BaseException as error:
            if isinstance(error, PredictionFailed):
                congestion.answered(started, time.monotonic())
            else:
                congestion.refused()
            raise
        congestion.answered(started, time.monotonic())
        return answer


def admitted(
    operations: Mapping[str, Operation],
    routes: Iterable[Route],
    observer: Callable[[str], BatchObserver],
) -> dict[str, Operation]:
    """The operations by path, with admission control where no batcher has its own.

    For the process with the connections: a method that computes blocks the event loop of the
    service process, which could refuse nothing meanwhile. `observer` gives the observer of a path.
    """
    plain = {route.path for route in routes if route.model is None and not route.batchable}
    return {
        path: AdmittedOperation(operation, observer(path)) if path in plain else operation
        for path, operation in operations.items()
    }
