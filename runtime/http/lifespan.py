"""Lifespan: ASGI's protocol for startup and shutdown."""

import traceback
from contextlib import AbstractAsyncContextManager
from typing import Any

from .request.exchange import Receive, Send


async def live(life: AbstractAsyncContextManager[Any], receive: Receive, send: Send) -> None:
    """Enter `life` at startup, leave it at shutdown, and report how each went.

    Raises:
        BaseException: what `life` raises, after the server has been told.
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
