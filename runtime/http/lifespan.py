"""Lifespan: ASGI's protocol for startup and shutdown."""

import traceback
from contextlib import AbstractAsyncContextManager
from typing import Any

from .request.exchange import Receive, Send


async def live(life: AbstractAsyncContextManager[Any], receive: Receive, send: Send) -> None:
    """Enter `life` at startup, exit it at shutdown, and report both results.

    Raises:
        BaseException: from `life`, after it was reported to the server.
    """
    await receive()
    has_begun = False
    try:
        async with life:
            await send({"type": "lifespan.startup.complete"})
            has_begun = True
            await receive()
    except BaseException:
        which = "shutdown" if has_begun else "startup"
        await send({"type": f"lifespan.{which}.failed", "message": traceback.format_exc()})
        raise
    await send({"type": "lifespan.shutdown.complete"})
