"""What a connection may expect, whichever way its requests take."""

import asyncio
import gc
import json
import weakref

import pytest

from .ways import Way

ANSWERED = 'bundle_requests_total{route="/predict",status="200"}'
LEFT = 'bundle_requests_total{route="/predict",status="499"}'
PENDING = 'bundle_pending_rows{queue="sums.predict"}'


def post(row, *headers):
    body = json.dumps({"instances": row if isinstance(row[0], list) else [row]}).encode()
    lines = ["POST /predict HTTP/1.1", "Host: x", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answers(heard):
    """What was said, by the order in which it was."""
    return [json.loads(part.partition(b"\r\n\r\n")[2]) for part in heard.split(b"HTTP/1.1 ")[1:]]


@pytest.fixture
def talk(sums):
    """Run a conversation with a way that has these settings: `talk(conversation, port=1)`."""

    def run(conversation, **serve):
        async def main():
            way = Way(sums(**serve))
            await way.start()
            try:
                async with asyncio.timeout(60):  # a bound for a hang
                    return await conversation(way)
            finally:
                await way.stop()

        return asyncio.run(main())

    return run


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """Until it exists, the model is busy with rows that begin with -6."""
    path = tmp_path / "gate"
    monkeypatch.setenv("GATE", str(path))
    return path


async def until(is_so):
    """Wait for it."""
    while not is_so():  # noqa: ASYNC110  # nobody tells
        await asyncio.sleep(0.01)


def number(text, series):
    """What /metrics says of a series; 0 before there is one."""
    return float(text.partition(f"\n{series} ")[2].partition("\n")[0] or 0)


def noted(way, series):
    return number(way.application.metrics.text().decode(), series)


async def settled(way):
    """Wait until nothing is in flight any more."""
    shared = way.application.fast_path.shared
    await until(lambda: not (shared.budget.used or noted(way, "bundle_in_flight_requests")))
    return way.application.metrics.text().decode()


def test_of_those_who_come_together_only_the_guilty_one_is_told(talk):
    rows = [[number, 1] for number in range(16)]
    rows[5], rows[9] = [[1, 2], [3]], ["x", 1]

    async def conversation(way):
        clients = [(await way.connect())[0] for _ in rows]
        for _ in range(3):  # the third time the head is known
            for client, row in zip(clients, rows, strict=True):
                client.send(post(row))
            said = [await asyncio.get_running_loop().sock_recv(c, 4096) for c in clients]
        for client in clients:
            client.close()
        return said

    said = [answers(each)[0] for each in talk(conversation)]
    assert said[5] == {"error": "instances[1]: expected 2 numbers, got 1."}
    assert said[9] == {"error": 'instances[0][0]: expected a number, got the string "x".'}
    others = [number for number in range(16) if number not in {5, 9}]
    assert [said[number] for number in others] == [{"predictions": [n + 1.0]} for n in others]


def test_hundreds_of_requests_in_one_piece_are_answered_in_order(talk):
    raw = b"".join(post([number, 0]) for number in range(500))

    async def conversation(way):
        return await way.converse(
            [post([0, 0]), post([0, 0]), raw, post([-1e9, 0], "Connection: close")]
        )

    said = answers(talk(conversation))
    assert said[2:-1] == [{"predictions": [float(number)]} for number in range(500)]


def test_a_slow_request_holds_back_the_answers_behind_it_and_nobody_elses(talk):
    async def conversation(way):
        first = asyncio.create_task(
            way.converse([post([-2, 0]), post([1, 1]), post([2, 2], "Connection: close")])
        )
        await asyncio.sleep(0)
        return await first

    assert answers(talk(conversation)) == [{"predictions": [n]} for n in (-2.0, 2.0, 4.0)]


def test_who_leaves_is_not_predicted_for(talk, gate):
    async def conversation(way):
        busy, _ = await way.connect()
        busy.send(post([-6, 0]))
        await until(gate.with_name("gate.begun").exists)
        leaving = [(await way.connect())[0] for _ in range(20)]
        for client in leaving:
            client.send(post([3, 3]) * 2)
        await until(lambda: noted(way, PENDING) > len(leaving))
        for client in leaving:
            client.close()
        await until(lambda: noted(way, LEFT) >= len(leaving))
        gate.touch()
        await asyncio.get_running_loop().sock_recv(busy, 4096)
        busy.close()
        return await settled(way)

    text = talk(conversation)
    assert number(text, 'bundle_queue_refused_total{queue="sums.predict",reason="cancelled"}') >= 20
    assert number(text, ANSWERED) == 1


def test_who_leaves_in_the_middle_of_a_body_leaves_nothing(talk):
    async def conversation(way):
        for cut in (10, 60, 80):
            client, _ = await way.connect()
            client.send(post([1, 2])[:cut])
            await asyncio.sleep(0.02)
            client.close()
        return await settled(way)

    assert f"{PENDING} 0.0" in talk(conversation)


def test_who_does_not_read_is_not_read_from(talk):
    rows = [[1.234567890123456, 0]] * 1000
    request, most = post(rows), 200

    async def conversation(way):
        client, _ = await way.connect()
        loop = asyncio.get_running_loop()
        saying = asyncio.create_task(way.say(client, [request] * most))
        before = -1.0
        while (now := noted(way, ANSWERED)) != before or not now:  # until nothing goes on
            before = now
            await asyncio.sleep(0.3)
        metrics = way.application.metrics.text().decode()
        heard = b""
        while heard.count(b"HTTP/1.1 200") < most:
            heard += await loop.sock_recv(client, 1 << 20)
        await saying
        client.close()
        return metrics, await settled(way)

    before, after = talk(conversation, queue={"max_rows": 1_000_000})
    assert number(before, ANSWERED) < most / 2
    assert number(after, ANSWERED) == most


def test_an_idle_connection_is_closed_and_a_busy_one_is_not(talk):
    async def conversation(way):
        client, _ = await way.connect()
        with client:
            client.send(post([1, 1]) + post([-2, 0]))  # twice as long as an idle one is kept
            return await way.listen(client)

    assert answers(talk(conversation, limits={"keep_alive": 0.25})) == [
        {"predictions": [2.0]},
        {"predictions": [-2.0]},
    ]


def test_a_connection_on_which_the_rest_of_a_refused_body_comes_is_idle_after_it(talk):
    async def conversation(way):
        client, _ = await way.connect()
        with client:
            client.send(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
            assert b" 404 " in await asyncio.get_running_loop().sock_recv(client, 4096)
            client.send(b"{}")
            return await way.listen(client)

    assert talk(conversation, limits={"keep_alive": 0.1}) == b""


def test_the_time_of_a_connection_begins_anew_with_each_answer(talk):
    async def conversation(way):
        client, _ = await way.connect()
        with client:
            for _ in range(6):
                client.send(post([1, 1]))
                assert await asyncio.get_running_loop().sock_recv(client, 4096)
                await asyncio.sleep(0.2)
            return await way.listen(client)

    assert talk(conversation, limits={"keep_alive": 0.5}) == b""


def test_an_idle_connection_is_closed_sooner_where_it_is_to_hurry(talk):
    """By default it would be kept for more than a minute."""

    async def conversation(way):
        client, protocol = await way.connect()
        with client:
            client.send(post([1, 1]))
            assert await asyncio.get_running_loop().sock_recv(client, 4096)
            protocol.hurry(0.1)
            async with asyncio.timeout(45):
                return await way.listen(client)

    assert talk(conversation) == b""


def test_bodies_beyond_the_budget_are_refused_and_the_others_are_not(talk):
    async def conversation(way):
        big, _ = await way.connect()
        head = post([1, 1]).replace(b"Content-Length: 23", b"Content-Length: 900")
        big.send(head)
        await asyncio.sleep(0.1)
        announced = await way.converse([post([[1, 2]] * 20, "Connection: close")])
        big.send(b" " * 850)
        await asyncio.sleep(0.1)
        refused = await way.converse([post([[1, 2]] * 20, "Connection: close")])
        taken = await way.converse([post([1, 2], "Connection: close")])
        big.close()
        await settled(way)
        return announced, refused, taken

    announced, refused, taken = talk(conversation, limits={"max_in_flight": 1000})
    assert announced.startswith(b"HTTP/1.1 200")
    assert refused.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1\r\n" in refused
    assert answers(taken) == [{"predictions": [3.0]}]


def test_a_body_for_which_room_runs_out_on_the_way_is_refused_when_it_is_over(talk):
    async def conversation(way):
        first, _ = await way.connect()
        second, _ = await way.connect()
        whole = post([[1, 2]] * 60)
        for client in (first, second):
            client.send(whole[:200])
        await asyncio.sleep(0.1)
        loop = asyncio.get_running_loop()
        said = []
        for client in (first, second):
            client.send(whole[200:-1])
        await asyncio.sleep(0.1)
        for client in (first, second):
            client.send(whole[-1:])
            said.append(await loop.sock_recv(client, 4096))
        second.send(post([1, 2]))
        again = await loop.sock_recv(second, 4096)
        first.close()
        second.close()
        await settled(way)
        return said, again

    said, again = talk(conversation, limits={"max_in_flight": 700})
    assert sorted(each[:12] for each in said) == [b"HTTP/1.1 200", b"HTTP/1.1 503"]
    assert answers(again) == [{"predictions": [3.0]}]


def test_a_connection_that_breaks_leaves_no_timer(talk):
    async def conversation(way):
        client, protocol = await way.connect()
        client.send(post([1, 2]))
        while protocol.timeout_keep_alive_task is None:  # noqa: ASYNC110
            await asyncio.sleep(0)
        client.close()  # with an answer that nobody has read, which is no proper end
        while protocol.parser is not None:  # noqa: ASYNC110
            await asyncio.sleep(0)
        return protocol.timeout_keep_alive_task

    assert talk(conversation) is None


def test_a_connection_that_has_ended_is_freed_without_the_garbage_collector(talk):
    """It would stop the event loop to free the thousands of a storm, and until then they stay."""

    async def conversation(way):
        client, protocol = await way.connect()
        client.send(post([1, 2]))
        assert await asyncio.get_running_loop().sock_recv(client, 4096)
        ended = weakref.ref(protocol)
        gc.collect()
        gc.disable()
        try:
            del protocol
            client.close()
            await until(lambda: ended() is None)
        finally:
            gc.enable()

    talk(conversation)


def test_who_leaves_is_noticed_however_large_its_body_was(talk, gate):
    async def conversation(way):
        busy, _ = await way.connect()
        busy.send(post([-6, 0]))
        await until(gate.with_name("gate.begun").exists)
        client, _ = await way.connect()
        await way.say(client, [post([[1.5, 2]] * 30_000)])
        client.close()
        await until(lambda: noted(way, LEFT))
        gate.touch()
        await asyncio.get_running_loop().sock_recv(busy, 4096)
        busy.close()
        return await settled(way)

    text = talk(conversation, max_rows=100_000, queue={"max_rows": 100_000})
    assert (number(text, ANSWERED), number(text, LEFT)) == (1, 1)


def test_a_fault_of_the_server_is_not_told_as_one_of_the_client(talk, caplog):
    async def conversation(way):
        way.protocol.on_header = lambda *_: 1 // 0
        return await way.converse([post([1, 2])])

    said = talk(conversation)
    assert said.startswith(b"HTTP/1.1 500 ")
    assert said.endswith(b'{"error":"The server failed."}')
    assert "could not be taken" in caplog.text
