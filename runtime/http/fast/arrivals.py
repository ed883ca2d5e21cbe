"""Arrivals: collects the requests of one turn of the event loop."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from typing import Any

from .requests.fast_request import FastRequest
from .requests.request_tracker import RequestTracker

AT_ONCE = 1 << 17  # bytes of bodies that are read before the loop has another turn
TOGETHER = 64  # requests that are begun with before it is seen whether a model has answered


class Arrivals(ABC):
    """Collects requests until the turn is over, and keeps the tasks of those that have one."""

    def __init__(self, tracker: RequestTracker) -> None:
        self.tracker = tracker
        self._arrived: list[FastRequest] = []
        self._tasks: dict[FastRequest, asyncio.Task[None]] = {}

    @abstractmethod
    def _take(self, arrived: Sequence[FastRequest]) -> None:
        """Begin with these requests."""

    @abstractmethod
    def _poll(self) -> None:
        """Go on with the batches of these requests' models."""

    def arrived(self, request: FastRequest) -> None:
        """Take a request, whose body is complete, with the others of this turn."""
        if not self._arrived:
            asyncio.get_running_loop().call_soon(self._turn)
        self._arrived.append(request)

    def forget(self, request: FastRequest) -> None:
        """Do nothing more for a client that has left."""
        if request in self._tasks:
            self._tasks[request].cancel()

    def _turn(self) -> None:
        arrived = self._some()
        self.tracker.began(len(arrived))
        if len(arrived) <= TOGETHER:
            self._take(arrived)
            return
        # Of thousands of clients thousands may ask in one turn. A model that had only one batch in
        # each would have next to nothing to do, the longer the turn, the less.
        for start in range(0, len(arrived), TOGETHER):
            self._take(arrived[start : start + TOGETHER])
            self._poll()

    def _some(self) -> list[FastRequest]:
        """What came, or as much of it as is read without keeping the loop for long."""
        arrived, self._arrived = self._arrived, []
        size = 0
        for position, request in enumerate(arrived):
            size += request.size
            if size > AT_ONCE and position:
                self._arrived = arrived[position:]
                asyncio.get_running_loop().call_soon(self._turn)
                return arrived[:position]
        return arrived

    def _begin(self, request: FastRequest, work: Coroutine[Any, Any, None]) -> None:
        """Work for a request in a task of its own."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[request] = task
        task.add_done_callback(lambda _: self._tasks.pop(request))
