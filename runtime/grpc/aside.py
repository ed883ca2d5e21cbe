"""Aside: runs long work in one thread, job after job, so that the event loop goes on."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

LARGE = 1 << 16  # bytes of a message whose values are Python's, one by one, before they are numpy's
MANY = 1 << 14  # such values in an answer

Result = TypeVar("Result")


class Aside:
    """One worker thread: large messages wait for each other, and block nothing else."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def run(self, work: Callable[[], Result], *, is_long: bool) -> Result:
        """What `work` gives; at once where it is not long.

        Raises:
            Exception: whatever `work` raises.
        """
        if not is_long:
            return work()
        async with self._turn:
            return await asyncio.to_thread(work)
