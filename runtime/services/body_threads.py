"""Body threads: read bodies and write answers beside the event loop, where it may take seconds."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, TypeVar

from ..models.operation import Call, in_time
from .contract.body_reader import BodyReader

Done = TypeVar("Done")

_MOST = 4  # bodies that are read at a time: each image may take a gigabyte meanwhile


async def read(bodies: BodyReader, call: Call) -> dict[str, Any]:
    """The arguments in the body of `call`; see `BodyReader.read`.

    Raises:
        DeadlineExceeded: when that takes too long; the thread still ends its work.
        RequestError: as the reader does.
    """
    work = partial(bodies.read, call.body, call.content_type)
    return await in_time(_begun(work), call.deadline, "before the body was read")


async def write(work: Callable[[], Done], deadline: float) -> Done:
    """What `work` makes of an answer; `deadline` is on the monotonic clock.

    Raises:
        DeadlineExceeded: when that takes too long; the thread still ends its work.
        PredictionFailed: as the work does.
    """
    return await in_time(_begun(work), deadline, "before the answer was written")


def _begun(work: Callable[[], Done]) -> "asyncio.Future[Done]":
    return asyncio.get_running_loop().run_in_executor(_threads(), work)


@cache
def _threads() -> ThreadPoolExecutor:
    count = min(_MOST, os.cpu_count() or 1)
    return ThreadPoolExecutor(count, thread_name_prefix="modelbundle-body")
