"""How late an event loop is."""

import asyncio
import time

from modelbundle.runtime.telemetry.heartbeat import BEATS, PERIOD, Heartbeat


def test_a_loop_that_is_held_up_is_late():
    async def main():
        lags, rare, told = [], [], asyncio.Event()

        def rarely():
            rare.append(len(lags))
            told.set()

        heartbeat = Heartbeat(lags.append, rarely)
        heartbeat.start()
        time.sleep(PERIOD + 0.2)  # noqa: ASYNC251 - the point of it
        await told.wait()
        heartbeat.stop()
        beats = len(lags)
        await asyncio.sleep(2 * PERIOD)
        assert len(lags) == beats
        return lags, rare

    lags, rare = asyncio.run(main())
    assert lags[0] >= 0.19
    assert all(lag >= 0 for lag in lags)
    assert rare == [BEATS]


def test_one_that_never_began_may_be_stopped():
    Heartbeat(print, print).stop()
