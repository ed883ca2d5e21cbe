import asyncio
import threading
import weakref

import pytest

from modelbundle.runtime.batching.execution.worker import Worker


def ask(worker, work):
    """What `work` comes to in `worker`."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    worker.submit(work, lambda result, error: future.set_result((result, error)))
    return future


def test_work_runs_in_one_thread_in_order_and_its_end_is_told_on_the_loop():
    async def main():
        worker = Worker()
        worker.start(asyncio.get_running_loop())
        asked = [ask(worker, lambda n=n: (n, threading.get_ident())) for n in range(20)]
        results = [result for result, _ in await asyncio.gather(*asked)]
        worker.stop()
        return results

    results = asyncio.run(main())

    assert [n for n, _ in results] == list(range(20))
    assert len({thread for _, thread in results} - {threading.get_ident()}) == 1


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(1), MemoryError()])
def test_an_error_is_handed_over_and_the_thread_lives_on(error):
    def fail():
        raise error

    async def main():
        worker = Worker()
        worker.start(asyncio.get_running_loop())
        first = await ask(worker, fail)
        second = await ask(worker, lambda: "alive")
        worker.stop()
        return first, second

    assert asyncio.run(main()) == ((None, error), ("alive", None))


def test_two_users_share_one_thread_until_the_last_stops():
    async def main():
        worker = Worker()
        loop = asyncio.get_running_loop()
        worker.start(loop)
        worker.start(loop)
        worker.stop()
        answer = await ask(worker, lambda: "still here")
        worker.stop()
        with pytest.raises(RuntimeError):
            worker.submit(lambda: None, lambda *_: None)
        return answer

    assert asyncio.run(main()) == ("still here", None)


def test_what_was_handed_in_before_the_stop_is_done():
    async def main():
        worker = Worker()
        worker.start(asyncio.get_running_loop())
        answer = ask(worker, lambda: "done")
        worker.stop()
        return await answer

    assert asyncio.run(main()) == ("done", None)


def test_the_last_batch_does_not_stay_in_memory():
    class Big:
        pass

    async def main():
        worker = Worker()
        worker.start(asyncio.get_running_loop())
        big = Big()
        trace = weakref.ref(big)
        await ask(worker, lambda big=big: None)
        del big
        await ask(worker, lambda: None)
        alive = trace() is not None
        worker.stop()
        return alive

    assert asyncio.run(main()) is False


def test_a_closed_loop_is_nobody_to_tell():
    gate = threading.Event()
    worker = Worker()

    async def main():
        worker.start(asyncio.get_running_loop())
        worker.submit(lambda: gate.wait(90), lambda *_: None)
        worker.stop()

    asyncio.run(main())
    gate.set()
    for thread in threading.enumerate():
        if thread.name == "model":
            thread.join(90)
