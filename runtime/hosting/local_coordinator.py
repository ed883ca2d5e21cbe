"""LocalCoordinator: the coordinator of a process that serves alone."""

import asyncio
from collections import defaultdict
from itertools import count

from ..models.state import CANNOT_LOAD, NO_STORE, UNLOADED
from .hosted_models import HostedModels


class LocalCoordinator:
    """A Coordinator without a supervisor, which carries out the changes itself."""

    def __init__(self, hosted: HostedModels) -> None:
        self._hosted = hosted
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._outcomes: dict[int, asyncio.Future[str]] = {}  # by term
        self._terms = count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, what: str, alias: str, request_id: int, workers: int | None = None) -> None:  # noqa: ARG002
        """Start the change, after those of the same model that were requested before."""
        if what == "prefer":
            self._hosted.preferred(alias)
            self._hosted.set_result(request_id, "READY", "")
            return
        if what == "register":
            self._hosted.set_result(request_id, "unsupported", NO_STORE)
            return
        task = asyncio.get_running_loop().create_task(self._do(what, alias, request_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def tell(self, event: str, alias: str, term: int, why: str = "") -> None:  # noqa: ARG002
        """Commit a prepared model; any other report ends its change."""
        if event == "prepared":
            self._hosted.transitions.commit(alias, term)
        else:
            self._outcomes[term].set_result(event)

    async def _do(self, what: str, alias: str, request_id: int) -> None:
        async with self._turns[alias]:
            term = next(self._terms)
            outcome = self._outcomes[term] = asyncio.get_running_loop().create_future()
            try:
                if what == "load":
                    self._hosted.transitions.prepare(alias, term, None)
                else:
                    self._hosted.begin_unload(alias, term)
                self._settle(alias, request_id, await outcome)
            finally:
                del self._outcomes[term]

    def _settle(self, alias: str, request_id: int, event: str) -> None:
        why = {"committed": "", "unloaded": UNLOADED}.get(event, CANNOT_LOAD)
        is_failed = event == "failed"
        state = "FAILED" if is_failed else "READY" if event == "committed" else "UNAVAILABLE"
        self._hosted.set_state(
            alias, "READY" if event == "committed" else "UNAVAILABLE", why, failed=is_failed
        )
        self._hosted.set_result(request_id, state, why)
