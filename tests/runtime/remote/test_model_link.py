"""A model in another process: its answers, its errors, its deaths."""

import asyncio
import os
import signal

import numpy as np
import pytest

from modelbundle.runtime.errors import ModelDied
from modelbundle.runtime.signature import Field, Side

from .conftest import ask

MATRIX = Side("array", (Field("input", "float64", (None, 2)),))


def sums(method, batch):
    """Add up rows; some first numbers stand for trouble."""
    first = batch[:, 0]
    if (first == -1).any():
        raise ValueError("no -1 please")
    if (first == -2).any():
        raise MemoryError
    if (first == -3).any():
        os.kill(os.getpid(), signal.SIGSEGV)
    if (first == -5).any():
        return batch.sum(axis=1)[1:]
    return batch.sum(axis=1)


def test_the_rows_of_many_requests_are_answered_in_order(nursery):
    """Pieces are put under one another; the answer has a row for each."""

    async def main():
        here = nursery(sums)
        executor = here.link.executor("predict", MATRIX)
        executor.start(asyncio.get_running_loop(), lambda: None)
        here.fork()
        await here.ready()
        for rows in (1, 3, 64, 5):
            pieces = [np.arange(2.0 + i % 2 * 2).reshape(-1, 2) + i for i in range(rows)]
            whole = np.concatenate(pieces)
            answer = await ask(executor, pieces, len(whole))
            assert (answer == whole.sum(axis=1)).all()

    asyncio.run(main())


def test_whoever_dies_takes_its_batch_along_and_is_followed_by_another(nursery):
    """ModelDied for what was sent; the next process answers."""

    async def main():
        here = nursery(sums)
        executor = here.link.executor("predict", MATRIX)
        executor.start(asyncio.get_running_loop(), lambda: None)
        here.fork()
        await here.ready()
        dying = asyncio.ensure_future(ask(executor, [np.array([[-3.0, 1.0]])], 1))
        await asyncio.sleep(0)
        assert await here.bury() == -signal.SIGSEGV
        with pytest.raises(ModelDied):
            await dying
        assert not executor.is_ready
        here.fork()
        await here.ready()
        assert await ask(executor, [np.array([[1.0, 2.0]])], 1) == [3.0]

    asyncio.run(main())
