"""How far a stream may run ahead: never further than that, and never stuck."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.rpc.window import PARTS, SIZE, FlowWindow, Taken


@given(st.lists(st.sampled_from([0, 1, SIZE // 5, SIZE // 2, SIZE, 3 * SIZE]), max_size=40))
def test_every_part_goes_and_no_more_are_under_way_than_may_be(sizes):
    """Whoever takes them tells of it only now and then; a part that is too large goes alone."""

    async def scenario():
        window, taken = FlowWindow(), Taken()
        under_way, arrived = [], []

        async def send():
            for size in sizes:
                await window.room()
                assert len(under_way) < PARTS
                assert sum(under_way) < SIZE
                under_way.append(size)
                window.sent(size)
                arrived.append(size)

        sending = asyncio.create_task(send())
        for size in sizes:
            while not arrived:
                assert not sending.done()
                await asyncio.sleep(0)
            assert arrived.pop(0) == size
            if taken.add(size):
                parts, bytes_ = taken.take_counts()
                assert (parts, bytes_) == (len(under_way[:parts]), sum(under_way[:parts]))
                del under_way[:parts]
                window.taken(parts, bytes_)
        await sending

    async def main():
        async with asyncio.timeout(60):
            await scenario()

    asyncio.run(main())


@pytest.mark.parametrize(("size", "parts"), [(0, PARTS // 2), (SIZE // 2, 1), (SIZE // 2 - 1, 2)])
def test_it_is_told_at_half_of_it(size, parts):
    taken = Taken()
    assert [taken.add(size) for _ in range(parts)] == [False] * (parts - 1) + [True]
    assert taken.take_counts() == (parts, parts * size)
    assert taken.take_counts() == (0, 0)
