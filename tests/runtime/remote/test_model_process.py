"""The process of a model, from its birth to its end."""

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from modelbundle.runtime.errors import BundleError
from modelbundle.runtime.hosting.host import Host
from modelbundle.runtime.hosting.readiness import Readiness
from modelbundle.runtime.manifests.signature import Field, Side
from modelbundle.runtime.plan import Plan
from modelbundle.runtime.remote.availability import Availability
from modelbundle.runtime.remote.channel import END, Channel
from modelbundle.runtime.remote.model_link import ModelLink
from modelbundle.runtime.remote.model_process import OOM_SCORE, serve_model
from modelbundle.runtime.telemetry.metrics import Metrics

from .conftest import ask

MATRIX = Side("array", (Field("input", "float64", (None, 2)),))


def slow_sums(method, batch):
    """Sums, half a second later."""
    time.sleep(0.5)
    return batch.sum(axis=1)


async def started(here):
    executor = here.link.executor("predict", MATRIX)
    executor.start(asyncio.get_running_loop(), lambda: None)
    here.fork()
    await here.ready()
    return executor


def test_its_signal_ends_it_at_once_where_nothing_runs(nursery):
    """It waits in recv, and no longer."""

    async def main():
        here = nursery(slow_sums)
        await started(here)
        os.kill(here.pid, END)
        assert await asyncio.wait_for(here.bury(), 90) == 0

    asyncio.run(main())


def test_its_signal_lets_a_batch_end(nursery):
    """What has begun is answered."""
    begun, begins = os.pipe()

    def sums(method, batch):
        os.write(begins, b".")
        return slow_sums(method, batch)

    async def main():
        here = nursery(sums)
        executor = await started(here)
        running = asyncio.ensure_future(ask(executor, [np.ones((1, 2))], 1))
        await asyncio.to_thread(os.read, begun, 1)
        os.kill(here.pid, END)
        assert (await running).tolist() == [2.0]
        assert await asyncio.wait_for(here.bury(), 90) == 0

    asyncio.run(main())
    os.close(begun)
    os.close(begins)


@pytest.mark.parametrize("ends", [lambda: None, lambda: 1 / 0])
def test_a_fork_that_comes_back_from_the_model_answers_nothing(nursery, ends):
    """It would take batches from its parent, and write over the parent's answers."""

    def forks(method, batch):
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        else:
            ends()
        return np.full(len(batch), float(os.getpid()))

    async def main():
        here = nursery(forks)
        executor = await started(here)
        for _ in range(2):
            assert await ask(executor, [np.ones((1, 2))], 1) == [here.pid]

    asyncio.run(main())


def test_sigterm_does_not_end_it(nursery):
    """A service manager sends it to all processes at once; the front drains."""

    async def main():
        here = nursery(slow_sums)
        executor = await started(here)
        os.kill(here.pid, signal.SIGTERM)
        assert (await ask(executor, [np.ones((1, 2))], 1)).tolist() == [2.0]
        os.kill(here.pid, END)
        assert await asyncio.wait_for(here.bury(), 90) == 0

    asyncio.run(main())


def test_it_ends_with_its_front(nursery):
    """Nobody has the other end any more, so nobody will ask."""

    async def main():
        here = nursery(slow_sums)
        await started(here)
        here.link.stop()
        here.channel.front.close()
        assert await asyncio.wait_for(here.bury(), 90) == 0

    asyncio.run(main())


@contextlib.contextmanager
def forked(plan, alias="sums", generation=1):
    """A real model process; its link, and its pid."""
    channel = Channel.create()
    told, tells = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.dup2(tells, 2)
            serve_model(channel, plan, alias, plan.device, generation, lambda: None)
            code = 0
        except BundleError as error:
            os.write(2, str(error).encode())
            code = 9
        finally:
            os._exit(code)
    os.close(tells)
    link = ModelLink(channel.for_front(), alias, 0, lambda *_: os.kill(pid, signal.SIGKILL))
    try:
        yield link, pid, told
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(told)
        channel.close()


def oom_score(pid):
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


def test_a_front_serves_a_model_that_it_never_loads(sums):
    """Loaded there, warmed up and measured from here, and its absence is known."""
    plan = Plan.read(sums())

    async def main():
        with forked(plan) as (link, pid, _):
            host, readiness = Host(plan, Metrics.of(plan), {"sums": [link]}), Readiness()
            await asyncio.wait_for(host.load(readiness), 90)
            readiness.ready()
            runner = host.runners["sums"]
            assert (await runner(np.array([[1, 2], [3, 4]]))).tolist() == [3.0, 7.0]
            with pytest.raises(BundleError, match="process of its own"):
                _ = runner.object
            assert link.ready.pid == pid
            assert link.ready.memory > 1 << 20
            assert oom_score(pid) == OOM_SCORE
            os.kill(pid, signal.SIGKILL)
            link.died(1, "was killed by SIGKILL")
            assert readiness.reason == "`sums` was killed by SIGKILL and is being started again"
            assert readiness.takes_requests
            await host.stop()

    asyncio.run(main())


def test_what_a_model_prints_is_in_the_log(make_bundle):
    """The output of the server is its access log, and nobody else's."""
    plan = Plan.read(make_bundle(Talking()))

    async def main():
        with forked(plan) as (link, _, told):
            executor = link.executor("predict", MATRIX)
            executor.start(asyncio.get_running_loop(), lambda: None)
            await Availability("sums", [link], Readiness()).arrival()
            await ask(executor, [np.ones((1, 2))], 1)
            assert b"one plus one" in os.read(told, 1000)

    asyncio.run(main())


def test_a_model_that_cannot_be_loaded_is_its_supervisors_trouble(make_bundle, broken):
    """The error passes through; the front hears nothing."""
    plan = Plan.read(make_bundle(broken))
    with forked(plan) as (link, pid, told):
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
        assert b"cannot be loaded" in os.read(told, 1000)
        assert not link.is_ready


class Talking:
    """Says what it does."""

    def predict(self, rows):
        os.write(1, b"one plus one")
        return rows.sum(axis=1)
