"""Body threads: read bodies beside the event loop, where one may take seconds."""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
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
    loop = asyncio.get_running_loop()
    work = loop.run_in_executor(_threads(), bodies.read, call.body, call.content_type)
    try:
        async with asyncio.timeout(call.deadline - time.monotonic()):
            return await work
    except TimeoutError:
        raise DeadlineExceeded("The deadline passed before the body was read.") from None


@cache
def _threads() -> ThreadPoolExecutor:
    count = min(_MOST, os.cpu_count() or 1)
    return ThreadPoolExecutor(count, thread_name_prefix="modelbundle-body")
