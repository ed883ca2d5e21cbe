"""BackgroundThread: runs long work in a thread, one job at a time, beside the event loop."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

LARGE = 1 << 16  # bytes of a message whose values become Python objects first
MANY = 1 << 14  # of such values in an answer

Result = TypeVar("Result")


class BackgroundThread:
    """Handles large messages one after the other, in a thread."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def run(self, work: Callable[[], Result], *, is_long: bool) -> Result:
        """The result of `work`, which is called at once unless `is_long`.

        Raises:
            Exception: whatever `work` raises.
        """
        if not is_long:
            return work()
        async with self._turn:
            return await asyncio.to_thread(work)
