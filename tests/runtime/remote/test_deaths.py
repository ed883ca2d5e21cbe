"""Model processes that die at any moment: each request gets one answer, and it is its own."""

import asyncio
import ctypes
import gc
import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest

from modelbundle.runtime.batching.batcher import Batcher
from modelbundle.runtime.batching.policy.window import Limits
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.errors import ModelDied
from modelbundle.runtime.manifests.signature import Field, Side

SIDE = Side("array", (Field("input", "float64", (None, 2)),))
lost = []  # in a model process: what its GPU was lost with


def lose():
    """As CUDA does: this call fails, and every other one that this process makes."""
    lost.append("CUDA error: device-side assert triggered")
    raise RuntimeError(lost[0])


DEATHS = {
    -1.0: lambda: os.kill(os.getpid(), signal.SIGKILL),
    -2.0: lambda: ctypes.string_at(0),
    -3.0: os.abort,
    -4.0: lambda: os._exit(7),
    -5.0: lose,
}


def model(method, batch):
    """Row (id, x) is answered (id, 3 x + 1); an id below zero is death."""
    if lost:
        raise RuntimeError(lost[0])
    for number, die in DEATHS.items():
        if (batch[:, 0] == number).any():
            die()
    return np.stack([batch[:, 0], 3 * batch[:, 1] + 1], axis=1)


def descriptors():
    """What this process has open, by kind."""
    kinds = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            kinds.append(str(link.readlink()).partition(":")[0])
        except FileNotFoundError:  # of the listing itself
            continue
    return sorted(kinds)


def children():
    """Processes that this one has started and not waited for."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


class Client:
    """Asks for rows of its own, and checks that the answers are theirs."""

    def __init__(self, batcher, seed):
        self.batcher = batcher
        self.random = random.Random(seed)
        self.asked = self.right = self.died = self.lost = 0
        self.number = seed * 1_000_000

    async def ask(self, rows=None, poison=None):
        self.asked += 1
        rows = rows or self.random.randint(1, 6)
        ids = np.arange(self.number, self.number + rows, dtype=float)
        self.number += rows
        batch = np.stack([ids, ids / 7], axis=1)
        if poison is not None:
            batch[self.random.randrange(rows), 0] = poison
        try:
            answer = await asyncio.wait_for(
                self.batcher.submit(batch, rows=rows, key=table.key(SIDE, batch)), 30
            )
        except ModelDied:
            self.died += 1
            return poison is not None
        except TimeoutError:
            self.lost += 1
            return False
        assert poison is None
        assert (answer[:, 0] == batch[:, 0]).all()
        assert (answer[:, 1] == 3 * batch[:, 1] + 1).all()
        self.right += 1
        return True


def serve(nursery, scenario, slots=1):
    """Run `scenario(batcher, nursery)` with a model that is always started again."""

    async def main():
        here = nursery(model, slots)
        loop = asyncio.get_running_loop()
        executors = [here.link.executor("predict", SIDE) for _ in range(slots)]
        batcher = Batcher(executors, table, Limits(max_batch_size=32))
        await batcher.start()
        here.keep(loop)
        await here.ready()
        try:
            return await scenario(batcher, here)
        finally:
            await batcher.stop(drain=False)
            await here.dismiss()
            here.close()

    gc.collect()
    before, others = descriptors(), set(children())
    result = asyncio.run(main())
    assert descriptors() == before
    assert set(children()) <= others
    return result


@pytest.mark.parametrize("slots", [1, 2])
def test_poison_costs_its_own_request_and_nobody_elses(nursery, slots):
    """Whatever way a row ends the process, those who shared its batch are answered."""

    async def scenario(batcher, here):
        client = Client(batcher, 1)
        for round_ in range(15):
            poison = list(DEATHS)[round_ % len(DEATHS)]
            asks = [client.ask() for _ in range(8)]
            asks.insert(round_ % 9, client.ask(poison=poison))
            assert all(await asyncio.gather(*asks))
        return client, here.generation

    client, generations = serve(nursery, scenario, slots)
    assert (client.right, client.died) == (120, 15)
    assert generations <= 3 * 15 + 1


@pytest.mark.parametrize("slots", [1, 2])
def test_hundreds_of_batches_with_a_process_killed_at_any_moment(nursery, slots):
    """No answer is another's, none is lost, and nothing is left behind."""

    async def scenario(batcher, here):
        chance = random.Random(slots)
        clients = [Client(batcher, seed) for seed in range(1, 7)]
        is_over = False

        async def kill():
            enough = 0  # answers: on a slow machine there are as many between two deaths
            while not is_over:
                await asyncio.sleep(chance.uniform(0.0, 0.005))
                right = sum(client.right for client in clients)
                if right >= enough and here.pid and here.link.is_ready:
                    enough = right + chance.randint(0, 100)
                    os.kill(
                        here.pid, chance.choice([signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
                    )

        async def ask(client):
            while here.generation < 25 or client.asked < 100:
                await client.ask()

        killer = asyncio.ensure_future(kill())
        await asyncio.gather(*map(ask, clients))
        is_over = True
        await killer
        return clients

    clients = serve(nursery, scenario, slots)
    asked = sum(client.asked for client in clients)
    assert sum(client.lost for client in clients) == 0
    assert sum(client.right + client.died for client in clients) == asked >= 600
    assert sum(client.right for client in clients) > asked * 0.8
