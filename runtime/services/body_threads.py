"""Body threads: read bodies and write answers beside the event loop, where it may take seconds."""

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

from ..errors import DeadlineExceeded
from ..models.operation import Call
from .contract.body_reader import BodyReader

_MOST = 4  # bodies that are read at a time: each image may take a gigabyte meanwhile


async def read(bodies: BodyReader, call: Call) -> dict[str, Any]:
    """The arguments in the body of `call`; see `BodyReader.read`.

    Raises:
        DeadlineExceeded: when that takes too long; the thread still ends its work.
        RequestError: as the reader does.
    """
    work = partial(bodies.read, call.body, call.content_type)
    arguments: dict[str, Any] = await _in_time(work, call.deadline, "body was read")
    return arguments


async def write(work: Callable[[], Any], deadline: float) -> Any:
    """What `work` makes of an answer; `deadline` is on the monotonic clock.

    Raises:
        DeadlineExceeded: when that takes too long; the thread still ends its work.
        PredictionFailed: as the work does.
    """
    return await _in_time(work, deadline, "answer was written")


async def _in_time(work: Callable[[], Any], deadline: float, what: str) -> Any:
    done = asyncio.get_running_loop().run_in_executor(_threads(), work)
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            return await done
    except TimeoutError:
        raise DeadlineExceeded(f"The deadline passed before the {what}.") from None


@cache
def _threads() -> ThreadPoolExecutor:
    count = min(_MOST, os.cpu_count() or 1)
    return ThreadPoolExecutor(count, thread_name_prefix="modelbundle-body")
