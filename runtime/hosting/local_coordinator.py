"""LocalCoordinator: the coordinator of a process that serves alone."""

import asyncio
from collections import defaultdict
from itertools import count

from ..models.state import CANNOT, NO_STORE, UNLOADED
from .hosted_models import HostedModels


class LocalCoordinator:
    """A Coordinator without a supervisor: carries changes out itself, one at a time."""

    def __init__(self, hosted: HostedModels) -> None:
        self._hosted = hosted
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._told: dict[int, asyncio.Future[str]] = {}  # by term
        self._terms = count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, what: str, alias: str, request_id: int, workers: int | None = None) -> None:  # noqa: ARG002
        """Do it, when it is its turn."""
        if what == "prefer":
            self._hosted.preferred(alias)
            self._hosted.done(request_id, "READY", "")
            return
        if what == "register":
            self._hosted.done(request_id, "unsupported", NO_STORE)
            return
        task = asyncio.get_running_loop().create_task(self._do(what, alias, request_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def tell(self, event: str, alias: str, term: int, why: str = "") -> None:  # noqa: ARG002
        """Let loaded models answer, and note the state of the others."""
        if event == "loaded":
            self._hosted.transitions.enter(alias, term)
        else:
            self._told[term].set_result(event)

    async def _do(self, what: str, alias: str, request_id: int) -> None:
        async with self._turns[alias]:
            term = next(self._terms)
            told = self._told[term] = asyncio.get_running_loop().create_future()
            try:
                if what == "load":
                    self._hosted.transitions.come(alias, term, None)
                else:
                    self._hosted.go(alias, term)
                self._settle(alias, request_id, await told)
            finally:
                del self._told[term]

    def _settle(self, alias: str, request_id: int, event: str) -> None:
        why = {"here": "", "gone": UNLOADED}.get(event, CANNOT)
        is_failed = event == "failed"
        state = "FAILED" if is_failed else "READY" if event == "here" else "UNAVAILABLE"
        self._hosted.stands(
            alias, "READY" if event == "here" else "UNAVAILABLE", why, failed=is_failed
        )
        self._hosted.done(request_id, state, why)
