"""Intake: collects the requests of one turn of the event loop."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from typing import Any

from .requests.fast_request import FastRequest
from .requests.request_tracker import RequestTracker

AT_ONCE = 1 << 17  # bytes of bodies that are read before the loop has another turn
TOGETHER = 64  # requests that are taken before the batcher is polled again


class Intake(ABC):
    """Collects the requests of one turn of the event loop, and keeps the tasks of some of them."""

    def __init__(self, tracker: RequestTracker) -> None:
        self.tracker = tracker
        self._arrived: list[FastRequest] = []
        self._tasks: dict[FastRequest, asyncio.Task[None]] = {}

    @abstractmethod
    def _take(self, arrived: Sequence[FastRequest]) -> None:
        """Start to handle these requests."""

    @abstractmethod
    def _poll(self) -> None:
        """Let the batchers of these requests form and finish batches."""

    def arrived(self, request: FastRequest) -> None:
        """Add a request whose body is complete to the others of this turn."""
        if not self._arrived:
            asyncio.get_running_loop().call_soon(self._turn)
        self._arrived.append(request)

    def forget(self, request: FastRequest) -> None:
        """Cancel the task of a request whose client has gone."""
        if request in self._tasks:
            self._tasks[request].cancel()

    def _turn(self) -> None:
        arrived = self._some()
        self.tracker.began(len(arrived))
        if len(arrived) <= TOGETHER:
            self._take(arrived)
            return
        # Thousands of requests may arrive in one turn. The batcher is polled in between, so that
        # the model is not idle until all of them are decoded.
        for start in range(0, len(arrived), TOGETHER):
            self._take(arrived[start : start + TOGETHER])
            self._poll()

    def _some(self) -> list[FastRequest]:
        """The requests of this turn, as far as their bodies are not too large for one turn."""
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
        """Start a task for one request."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[request] = task
        task.add_done_callback(lambda _: self._tasks.pop(request))
