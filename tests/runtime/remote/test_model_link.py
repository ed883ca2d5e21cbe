"""One model process as the front sees it: its answers, its errors, its deaths."""

import asyncio
import os
import resource
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from modelbundle.runtime.batching.execution.out_of_memory import is_out_of_memory
from modelbundle.runtime.errors import ModelDied
from modelbundle.runtime.manifests.signature import Field, Side
from modelbundle.runtime.remote import model_link
from modelbundle.runtime.remote.message import Message, MessageKind, Ready
from modelbundle.runtime.remote.slabs.slab import GRAIN, KEPT

from .conftest import ask

MATRIX = Side("array", (Field("input", "float64", (None, 2)),))
OBJECTS = Side("objects")


def model(method, batch):
    """Adds up rows; some first numbers, and some methods, stand for something else."""
    if method == "pid":
        return [os.getpid()] * len(batch)
    if method == "keep":
        model.kept = [*getattr(model, "kept", []), batch]
        return np.array([kept[0, 0] for kept in model.kept])
    if method == "grow":
        return np.zeros((len(batch), int(batch[0, 0])), "u1")
    first = batch[0, 0]
    if first == -1:
        raise ValueError("no -1 please")
    if first == -3:
        os.kill(os.getpid(), signal.SIGSEGV)
    if first == -4:
        time.sleep(60)
    if first == -6:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + (16 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
    if first == -5:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
    return batch.sum(axis=1)


def rows(*first):
    return np.array([[value, 1.0] for value in first])


def serve(nursery, scenario, slots=1):
    """Run `scenario(nursery, executor of a method)` with a process that has started."""

    async def main():
        here = nursery(model, slots)
        loop = asyncio.get_running_loop()

        def executor(method, side=MATRIX):
            made = here.link.executor(method, side)
            made.start(loop, lambda: None)
            return made

        ready = executor("predict")
        here.fork()
        await here.ready()
        await scenario(here, ready, executor)

    asyncio.run(main())


def test_the_rows_of_many_requests_are_answered_in_order(nursery):
    """Pieces are put under one another; the answer has a row for each."""

    async def scenario(here, predict, executor):
        for count in (1, 3, 64, 5):
            pieces = [np.arange(2.0 + i % 2 * 2).reshape(-1, 2) + i for i in range(count)]
            whole = np.concatenate(pieces)
            assert (await ask(predict, pieces, len(whole)) == whole.sum(axis=1)).all()

    serve(nursery, scenario)


def test_an_answer_outlives_the_next_one(nursery):
    """It is a copy: nothing of it is written over."""

    async def scenario(here, predict, executor):
        first = await ask(predict, [rows(1, 2)], 2)
        second = await ask(predict, [rows(3, 4)], 2)
        assert (first.tolist(), second.tolist()) == ([2.0, 3.0], [4.0, 5.0])

    serve(nursery, scenario)


def test_a_model_that_keeps_its_rows_keeps_them_as_they_were(nursery):
    """The next batch is not written over what somebody still looks at."""

    async def scenario(here, predict, executor):
        keep = executor("keep")
        for count in range(1, 5):
            answer = await ask(keep, [rows(*[10.0 * count] * count)], count)
            assert answer.tolist() == [10.0 * (i + 1) for i in range(count)]

    serve(nursery, scenario)


def test_methods_take_turns_in_one_process(nursery):
    """Each executor has one batch under way; the process takes them in order."""

    async def scenario(here, predict, executor):
        pid = executor("pid", OBJECTS)
        both = await asyncio.gather(ask(predict, [rows(1)], 1), ask(pid, [["a", "b"]], 2))
        assert both[0].tolist() == [2.0]
        assert both[1].values() == [here.pid] * 2

    serve(nursery, scenario)


def test_an_error_is_the_batchs_own(nursery):
    """The process goes on; the log has the traceback from there."""

    async def scenario(here, predict, executor):
        with pytest.raises(Exception, match="ValueError: no -1 please") as raised:
            await ask(predict, [rows(-1)], 1)
        assert 'raise ValueError("no -1 please")' in raised.value.__notes__[0]
        assert (await ask(predict, [rows(1)], 1)).tolist() == [2.0]

    serve(nursery, scenario)


def test_what_the_process_could_not_read_is_described_again(nursery):
    """It had no memory to see where the layout stands."""

    async def scenario(here, predict, executor):
        await ask(predict, [rows(-6)], 1)
        others = executor("predict", Side("array", (Field("input", "float32", (None, 4)),)))
        with pytest.raises(Exception, match="No memory") as raised:
            await ask(others, [np.ones((8 << 20, 4), "f4")], 8 << 20)
        assert is_out_of_memory(raised.value)
        for _ in range(2):
            assert (await ask(others, [np.ones((2, 4), "f4")], 2)).tolist() == [4.0] * 2

    serve(nursery, scenario)


def test_what_the_front_could_not_read_is_described_again(nursery):
    async def scenario(here, predict, executor):
        outputs = here.channel.slots[0].outputs
        follow = outputs.follow

        def fail(size):
            outputs.follow = follow
            raise MemoryError

        grow = executor("grow")
        outputs.follow = fail
        with pytest.raises(MemoryError):
            await ask(grow, [rows(3)], 1)
        for _ in range(2):
            assert (await ask(grow, [rows(3)], 1)).tolist() == [[0, 0, 0]]
        assert (await ask(predict, [rows(1)], 1)).tolist() == [2.0]

    serve(nursery, scenario)


def test_whoever_dies_takes_its_batch_along_and_is_followed_by_another(nursery):
    """ModelDied for what was sent; the next process answers what waited."""

    async def scenario(here, predict, executor):
        pid = executor("pid", OBJECTS)
        changes = []
        here.link.on_change = lambda link: changes.append(link.is_ready)
        dying = asyncio.ensure_future(ask(predict, [rows(-3)], 1))
        await asyncio.sleep(0)
        waiting = asyncio.ensure_future(ask(pid, [["a"]], 1))
        assert await here.bury() == -signal.SIGSEGV
        with pytest.raises(ModelDied) as died:
            await dying
        assert died.value.why == here.link.why == "ended with -11"
        assert "11" not in died.value.detail
        assert not predict.is_ready
        here.fork()
        assert (await waiting).values() == [here.pid]
        assert predict.is_ready
        assert changes == [False, True]

    serve(nursery, scenario)


def test_a_batch_that_hangs_is_ended_with_its_process(nursery):
    """Its supervisor is asked once; the batch ends when the process is gone."""

    async def scenario(here, predict, executor):
        hanging = asyncio.ensure_future(ask(predict, [rows(-4)], 1))
        await asyncio.sleep(0.05)
        predict.kill("it took too long")
        predict.kill("it took too long")
        assert here.kills == [(1, "it took too long")]
        assert not hanging.done()
        await here.bury()
        with pytest.raises(ModelDied):
            await hanging

    serve(nursery, scenario)


def test_a_batch_that_waits_for_another_is_not_to_blame(nursery):
    """Ending it ends no process; without a process it ends alone."""

    async def scenario(here, predict, executor):
        pid = executor("pid", OBJECTS)
        hanging = asyncio.ensure_future(ask(predict, [rows(-4)], 1))
        await asyncio.sleep(0)
        waiting = asyncio.ensure_future(ask(pid, [["a"]], 1))
        await asyncio.sleep(0)
        pid.kill("it took too long")
        assert here.kills == []
        os.kill(here.pid, signal.SIGKILL)
        await here.bury()
        with pytest.raises(ModelDied):
            await hanging
        assert not waiting.done()
        pid.kill("nobody came")
        with pytest.raises(ModelDied):
            await waiting

    serve(nursery, scenario)


def test_what_the_dead_said_is_not_heard(nursery):
    """Answers and readiness of another generation, and of batches that nobody sent."""

    async def scenario(here, predict, executor):
        hanging = asyncio.ensure_future(ask(predict, [rows(-4)], 1))
        await asyncio.sleep(0.05)
        talk = here.channel.model.send
        talk(Message(MessageKind.ANSWER, 0, 0, 0, 1, rows=1, size=8).encode())
        talk(Message(MessageKind.ANSWER, 0, 0, 1, 77, rows=1, size=8).encode())
        await asyncio.sleep(0.05)
        assert not hanging.done()
        os.kill(here.pid, signal.SIGKILL)
        await here.bury()
        talk(Ready(0.0, 0, 0).encode(1))
        await asyncio.sleep(0.05)
        assert not here.link.is_ready
        with pytest.raises(ModelDied):
            await hanging

    serve(nursery, scenario)


def test_what_the_dead_were_told_is_not_done(nursery):
    """The next process reads it, and leaves it."""

    async def scenario(here, predict, executor):
        os.kill(here.pid, signal.SIGSTOP)
        lost = asyncio.ensure_future(ask(predict, [rows(1)], 1))
        await asyncio.sleep(0.05)
        os.kill(here.pid, signal.SIGKILL)
        await here.bury()
        with pytest.raises(ModelDied):
            await lost
        here.fork()
        await here.ready()
        assert (await ask(predict, [rows(2)], 1)).tolist() == [3.0]

    serve(nursery, scenario)


def test_who_is_ready_was_born(nursery):
    """The process may be heard before its supervisor is; a late word of a death is no news."""

    async def scenario(here, predict, executor):
        os.kill(here.pid, signal.SIGKILL)
        here.is_silent = True
        lost = asyncio.ensure_future(ask(predict, [rows(1)], 1))
        await here.bury()
        here.fork()
        with pytest.raises(ModelDied):
            await lost
        here.link.died(1, "was killed by SIGKILL")
        here.link.born(2)
        assert predict.is_ready
        assert (await ask(predict, [rows(2)], 1)).tolist() == [3.0]

    serve(nursery, scenario)


def test_batches_of_any_size_and_no_memory_kept_for_them(nursery):
    """The slabs grow both ways; what a giant took is given back."""

    async def scenario(here, predict, executor):
        grow = executor("grow")
        for columns in (1, GRAIN + 1, KEPT + 5, 3):
            answer = await ask(grow, [rows(columns)], 1)
            assert answer.shape == (1, columns)
        many = np.ones((KEPT // 16 + 1, 2))
        assert (await ask(predict, [many, many], 2 * len(many))).sum() == 4 * len(many)
        assert here.channel.memory < 8 * GRAIN
        os.kill(here.pid, signal.SIGSTOP)
        lost = asyncio.ensure_future(ask(predict, [many], len(many)))
        await asyncio.sleep(0.05)
        assert here.channel.memory > KEPT
        os.kill(here.pid, signal.SIGKILL)
        await here.bury()
        with pytest.raises(ModelDied):
            await lost
        assert here.channel.memory < 8 * GRAIN

    serve(nursery, scenario)


def test_memory_that_is_short_is_an_error_of_the_batch(nursery):
    """On either side, and nobody dies of it."""

    async def scenario(here, predict, executor):
        grow = executor("grow")
        await ask(predict, [rows(-5)], 1)
        with pytest.raises(MemoryError) as there:
            await ask(grow, [rows(2 << 20)], 1)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
        try:
            with pytest.raises(MemoryError) as here_:
                await ask(predict, [np.ones((1 << 17, 2))], 1 << 17)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert is_out_of_memory(there.value)
        assert is_out_of_memory(here_.value)
        assert (await ask(predict, [rows(2)], 1)).tolist() == [3.0]

    serve(nursery, scenario)


def test_rows_that_cannot_be_written_are_an_error_of_the_batch(nursery):
    """And the room that they had is free again."""

    async def scenario(here, predict, executor):
        pid = executor("pid", OBJECTS)
        with pytest.raises(TypeError):
            await ask(pid, [[object()]], 1)
        assert len(await ask(pid, [[1]], 1)) == 1
        with pytest.raises(TypeError):
            await ask(pid, [[object()]], 1)
        assert len(await ask(pid, [[2]], 1)) == 1

    serve(nursery, scenario)


def test_more_layouts_than_anybody_remembers(nursery):
    """Each request may have a shape of its own."""

    async def scenario(here, predict, executor):
        grow = executor("grow")
        for size in [*range(2, 1100), *range(2, 20)]:
            batch = np.full((1, size), size, "f4")
            assert (await ask(grow, [batch], 1)).shape == (1, size)

    serve(nursery, scenario)


def test_when_everybody_else_is_gone_nothing_is_waited_for(nursery):
    """No end of the sockets is left but ours."""

    async def scenario(here, predict, executor):
        waiting = asyncio.ensure_future(ask(predict, [rows(-4)], 1))
        await asyncio.sleep(0.05)
        here.channel.model.close()
        os.kill(here.pid, signal.SIGKILL)
        with pytest.raises(ModelDied):
            await waiting
        assert not predict.is_ready

    serve(nursery, scenario)


def test_a_process_whose_end_nobody_reports_is_not_waited_for_in_vain(nursery, monkeypatch):
    """The supervisor may be stopped; once it goes on, so does everything."""
    monkeypatch.setattr(model_link, "PATIENCE", 0.1)

    async def scenario(here, predict, executor):
        here.is_silent = True
        waiting = asyncio.ensure_future(ask(predict, [rows(-4)], 1))
        await asyncio.sleep(0)
        predict.kill("hangs")
        with pytest.raises(ModelDied):
            await waiting
        assert not predict.is_ready
        later = asyncio.ensure_future(ask(predict, [rows(1)], 1))
        here.is_silent = False
        await here.bury()
        here.fork()
        assert (await later).tolist() == [2.0]

    serve(nursery, scenario)
