import asyncio

from modelbundle.runtime.services.start_throttle import SHARE, StartThrottle


class Clock:
    def __init__(self):
        self.now = 1.0

    def __call__(self):
        return self.now


def ran(seconds, calls=20, leave=()):
    """The order in which calls began that compute so long, and in which turns of the loop."""

    async def main():
        clock, turns, began = Clock(), 0, []
        throttle = StartThrottle(clock)

        def turn():
            nonlocal turns
            turns += 1
            loop.call_soon(turn)

        async def call(number):
            await throttle.enter()
            began.append((number, turns))
            clock.now += seconds

        loop = asyncio.get_running_loop()
        loop.call_soon(turn)
        tasks = [loop.create_task(call(number)) for number in range(calls)]
        await asyncio.sleep(0)
        for number in leave:
            tasks[number].cancel()
        await asyncio.wait(tasks)
        return began

    return asyncio.run(main())


def test_the_loop_turns_between_calls_that_compute():
    began = ran(2 * SHARE)
    assert [number for number, _ in began] == list(range(20))
    assert len({turn for _, turn in began}) == 20


def test_calls_that_only_wait_begin_together():
    assert len({turn for _, turn in ran(0.0)}) == 1


def test_short_calls_share_a_turn():
    turns = [turn for _, turn in ran(SHARE / 4, calls=40)]
    assert 4 < len(set(turns)) < 20


def test_who_leaves_before_its_turn_never_begins():
    began = [number for number, _ in ran(2 * SHARE, leave=(5, 6))]
    assert began == [number for number in range(20) if number not in {5, 6}]
