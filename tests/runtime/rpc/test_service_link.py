"""A front's link, with a service at its other end that says what a test wants."""

import asyncio

import orjson
import pytest

from modelbundle.runtime.errors import DeadlineExceeded, InvalidInput, Overloaded, ServiceDied
from modelbundle.runtime.manifests.settings import QueueSettings, ServeSettings
from modelbundle.runtime.rpc import refusal
from modelbundle.runtime.rpc.frame import FrameKind
from modelbundle.runtime.rpc.window import PARTS

from .silent_service import Service, run


def test_answers_go_to_whoever_asked_in_any_order():
    async def scenario(each):
        tasks = [each.ask(b"%d" % number) for number in range(20)]
        frames = [await each.take() for _ in tasks]
        for frame in reversed(frames):
            each.answer(frame)
        assert [(await task).body for task in tasks] == [b"%d" % n * 2 for n in range(20)]

    run(scenario)


def test_an_error_keeps_its_status_and_words():
    async def scenario(each):
        task = each.ask()
        frame = await each.take()
        head = refusal.encode(InvalidInput("a: expected a number."), 4)
        each.connection.send(FrameKind.ERROR, frame.number, head)
        with pytest.raises(InvalidInput, match="a: expected a number"):
            await task

    run(scenario)


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        (FrameKind.ANSWER, ["text/plain\r\nset-cookie: a=1", 1]),
        (FrameKind.ANSWER, ["text/plain", -1]),
        (FrameKind.ANSWER, [3, 1]),
        (FrameKind.ANSWER, None),
        (FrameKind.ERROR, ["InvalidInput", 200, "fine", None, 1]),
        (FrameKind.PART, None),
        (FrameKind.CALL, []),
        (FrameKind.READY, 3),
    ],
)
def test_a_service_that_says_what_cannot_be_is_ended_and_its_calls_fail(kind, head):
    async def scenario(each):
        task = each.ask()
        frame = await each.take()
        each.say(kind, frame.number, head)
        with pytest.raises(ServiceDied):
            await task
        await asyncio.sleep(0.01)
        [(generation, why)] = each.kills
        assert generation == 1
        assert "said what cannot be understood" in why

    run(scenario)


def test_answers_for_nobody_are_dropped():
    async def scenario(each):
        task = each.ask(b"a")
        frame = await each.take()
        each.say(FrameKind.ANSWER, frame.number + 7, ["text/plain", 1], b"stolen")
        each.say(FrameKind.PART, 2**63, None, b"stolen")
        each.answer(frame)
        each.say(FrameKind.ANSWER, frame.number, ["text/plain", 1], b"again")
        assert (await task).body == b"aa"
        assert each.kills == []

    run(scenario)


def test_what_was_not_taken_up_goes_to_the_next_and_what_was_fails_or_is_tried_alone():
    async def scenario(each):
        lost, retried, kept = each.ask(b"a"), each.ask(b"b", is_idempotent=True), each.ask(b"c")
        await each.take()
        await each.take()
        each.die(1)
        with pytest.raises(ServiceDied):
            await lost
        each.frames = asyncio.Queue()
        await each.begin(2)
        second = await each.take()
        assert second.body == b"b"
        await asyncio.sleep(0.05)
        assert each.frames.empty(), "it is alone"
        each.answer(second)
        third = await each.take()
        each.answer(third)
        assert ((await retried).body, (await kept).body) == (b"bb", b"cc")

    run(scenario)


def test_a_second_death_is_the_last():
    async def scenario(each):
        task = each.ask(is_idempotent=True)
        await each.take()
        each.die(1)
        await asyncio.sleep(0.01)
        await each.begin(2)
        await each.take()
        each.die(2)
        with pytest.raises(ServiceDied):
            await task

    run(scenario)


def test_what_a_dead_process_said_last_still_counts():
    async def scenario(each):
        task = each.ask(b"a")
        each.answer(await each.take())
        each.link.died(1, "was killed by SIGSEGV")
        each.connection.close()
        assert (await task).body == b"aa"

    run(scenario)


def test_what_it_said_last_still_counts_where_another_follows_at_once():
    """A front that was busy hears of both in one turn of its loop, before it reads the stream."""

    async def scenario(each):
        first, second, never = each.ask(b"a"), each.ask(b"b"), each.ask(b"c")
        each.answer(await each.take())
        each.answer(await each.take())
        await each.take()
        changes = []
        each.link.on_change = lambda: changes.append((each.link.is_ready, each.link.why))
        each.link.died(1, "was killed by SIGSEGV")
        each.link.born(2)
        assert set(changes) == {(False, "was killed by SIGSEGV")}
        assert ((await first).body, (await second).body) == (b"aa", b"bb")
        with pytest.raises(ServiceDied):
            await never

    run(scenario)


def test_a_client_that_leaves_is_told_to_the_service():
    async def scenario(each):
        task = each.ask()
        frame = await each.take()
        task.cancel()
        assert (await each.heard(FrameKind.CANCEL)).number == frame.number

    run(scenario)


def test_a_deadline_holds_with_a_service_and_without():
    async def scenario(each):
        there = each.ask(seconds=0.05)
        frame = await each.take()
        with pytest.raises(DeadlineExceeded):
            await there
        assert (await each.heard(FrameKind.CANCEL)).number == frame.number
        each.die(1)
        await asyncio.sleep(0.01)
        with pytest.raises(DeadlineExceeded):
            await each.ask(seconds=0.05)

    run(scenario)


def test_no_more_wait_than_the_queue_may_hold():
    async def scenario(each):
        each.die(1)
        await asyncio.sleep(0.01)
        waiting = [each.ask() for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await each.ask()
        waiting[0].cancel()
        await asyncio.sleep(0)
        each.ask()
        await asyncio.sleep(0)
        await each.begin(2)
        for _ in range(3):
            each.answer(await each.take())

    run(scenario, queue=QueueSettings(max_rows=3))


def test_a_stream_tells_what_was_taken_and_that_its_client_left():
    async def scenario(each):
        task = each.ask()
        frame = await each.take()
        each.say(FrameKind.STREAM, frame.number, ["application/x-ndjson", 1])
        for _ in range(PARTS):
            each.say(FrameKind.PART, frame.number, None, b"1\n")
        stream = await task
        taken = [await anext(stream.parts) for _ in range(PARTS // 2)]
        assert b"".join(taken) == b"1\n" * (PARTS // 2)
        more = await each.heard(FrameKind.MORE)
        assert orjson.loads(more.head) == [PARTS // 2, PARTS]
        await stream.parts.aclose()
        assert (await each.heard(FrameKind.CANCEL)).number == frame.number

    run(scenario)


@pytest.mark.parametrize("end", ["die", "ERROR", "END"])
@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/octet-stream"])
def test_a_stream_ends_as_its_client_can_tell(kind, end):
    """What came before is there; an error is a line where there are lines, else a cut."""

    async def scenario(each):
        task = each.ask(is_idempotent=True)
        frame = await each.take()
        each.say(FrameKind.STREAM, frame.number, [kind, 1])
        each.say(FrameKind.PART, frame.number, None, b"1\n")
        stream = await task
        assert await anext(stream.parts) == b"1\n"
        if end == "die":
            each.die(1)
        elif end == "END":
            each.say(FrameKind.END, frame.number)
        else:
            head = refusal.encode(InvalidInput("no more."), 1)
            each.connection.send(FrameKind.ERROR, frame.number, head)
        if end == "END":
            assert [part async for part in stream.parts] == []
        elif "json" in kind:
            [part] = [part async for part in stream.parts]
            assert orjson.loads(part)["error"] == "no more." or end == "die"
        else:
            with pytest.raises(ServiceDied if end == "die" else InvalidInput):
                await anext(stream.parts)
        with pytest.raises(StopAsyncIteration):
            await anext(stream.parts)
        assert not each.link.is_awaited

    run(scenario)


def test_a_stream_that_nobody_began_to_read_is_canceled_too():
    async def scenario(each):
        task = each.ask()
        frame = await each.take()
        each.say(FrameKind.STREAM, frame.number, ["text/plain", 1])
        await (await task).parts.aclose()
        assert (await each.heard(FrameKind.CANCEL)).number == frame.number

    run(scenario)


def test_a_process_that_hangs_up_and_lives_on_is_ended(monkeypatch):
    monkeypatch.setattr("modelbundle.runtime.rpc.service_link.PATIENCE", 0.01)

    async def scenario(each):
        each.connection.close()
        async with asyncio.timeout(90):
            await each.is_ended.wait()
        assert each.kills == [(1, "hung up")]

    run(scenario)


def test_who_comes_late_is_not_let_in():
    """A process that is known to be gone, or has been followed by another."""

    async def scenario():
        made = Service(ServeSettings())
        made.link.start(asyncio.get_running_loop())
        await made.begin(3)
        made.die(3)
        assert (made.link.generation, made.link.why) == (3, "was killed by SIGSEGV")
        loop = asyncio.get_running_loop()
        for generation in (2, 3):
            late = made.channel.knock(generation)
            async with asyncio.timeout(90):
                assert await loop.sock_recv(late, 1) == b""
            late.close()
        made.link.died(2, "was told late")
        assert (made.link.generation, made.link.why) == (3, "was killed by SIGSEGV")
        await made.begin(4)
        assert made.link.is_ready
        await made.link.stop(0.01)
        made.channel.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("how", ["STOPPED", "hangs up"])
def test_the_end_is_waited_for_no_longer_than_it_takes(how):
    async def scenario(each):
        stopping = asyncio.create_task(each.link.stop(3600))
        await each.heard(FrameKind.STOP)
        each.say(FrameKind.STOPPED) if how == "STOPPED" else each.connection.close()
        async with asyncio.timeout(90):
            await stopping

    run(scenario)


def test_words_of_an_earlier_process_are_not_heard():
    async def scenario(each):
        early = each.connection
        task = each.ask(b"a")
        frame = await each.take()
        each.link.born(2)
        early.send(FrameKind.ANSWER, frame.number, orjson.dumps(["text/plain", 1]), b"late")
        with pytest.raises(ServiceDied):
            await task

    run(scenario)


def test_who_hangs_again_when_it_is_tried_alone_keeps_the_others_waiting_no_longer(monkeypatch):
    monkeypatch.setattr("modelbundle.runtime.rpc.liveness_probe.ABANDONED_GRACE", 0.01)

    async def scenario(each):
        known = each.ask()
        each.answer(await each.take())
        await known
        guilty, mate = each.ask(b"bad", is_idempotent=True), each.ask(b"good", is_idempotent=True)
        for _ in range(2):
            await each.take()
        each.die(1)
        await each.begin(2)
        assert (await each.take()).body == b"bad"
        async with asyncio.timeout(90):
            await each.is_ended.wait()
        [(generation, why)] = each.kills
        assert generation == 2
        assert "has kept others waiting" in why
        each.die(2)
        with pytest.raises(ServiceDied):
            await guilty
        await each.begin(3)
        each.answer(await each.take())
        assert (await mate).body == b"goodgood"

    run(scenario, timeout=0.3)
