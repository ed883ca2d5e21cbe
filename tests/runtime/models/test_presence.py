"""Who waits for a model, who is told that it does not come."""

import asyncio
import time

import pytest

from modelbundle.runtime.errors import DeadlineExceeded, Overloaded
from modelbundle.runtime.models.presence import Presence


def soon():
    return time.monotonic() + 30


def test_who_asks_for_what_nobody_brings_is_told_why_at_once():
    presence = Presence("a")
    presence.change("UNAVAILABLE", "it has been unloaded")
    with pytest.raises(Overloaded, match="Model `a` is not ready: it has been unloaded"):
        asyncio.run(presence.arrival(soon()))
    assert not presence.is_within_reach


def test_who_asks_for_what_comes_at_a_request_waits_for_it():
    async def main():
        presence = Presence("a")
        wanted = []
        presence.want = lambda: wanted.append(True)
        assert presence.is_within_reach
        waiting = [asyncio.create_task(presence.arrival(soon())) for _ in range(3)]
        await asyncio.sleep(0)
        presence.change("LOADING", "it is being loaded")
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        presence.change("READY")
        await asyncio.gather(*waiting)
        assert wanted

    asyncio.run(main())


def test_who_asks_while_it_goes_has_it_brought_again():
    async def main():
        presence = Presence("a")
        wanted = asyncio.Event()
        presence.want = wanted.set
        presence.change("UNLOADING", "it is being unloaded")
        waiting = asyncio.create_task(presence.arrival(soon()))
        await asyncio.sleep(0)
        assert not wanted.is_set()
        presence.change("UNAVAILABLE", "it has been unloaded")
        await wanted.wait()
        presence.change("READY")
        await waiting

    asyncio.run(main())


def test_what_has_failed_is_not_tried_again_so_soon():
    async def main():
        presence = Presence("a")
        presence.want = lambda: presence.change("UNAVAILABLE", "no", failed=True)
        with pytest.raises(Overloaded, match="no"):
            await presence.arrival(soon())
        presence.want = lambda: pytest.fail("it is tried again")
        with pytest.raises(Overloaded, match="no"):
            await presence.arrival(soon())
        assert not presence.is_within_reach

    asyncio.run(main())


def test_who_cannot_wait_is_told_when_it_is_too_late():
    async def main():
        presence = Presence("a")
        presence.want = lambda: presence.change("LOADING", "it is being loaded")
        with pytest.raises(DeadlineExceeded):
            await presence.arrival(time.monotonic() + 0.01)

    asyncio.run(main())
