"""The scenarios: each prints what it saw."""

import asyncio
import random
import signal
import subprocess
import time

import model
from clients import HOST, Connection, Tally, closed_loop, percentile
from server import BUNDLE, Server
from soak import SERVE, serve_options
from soak import soak as soak_of

SOAK = 60.0
RATE = 400.0  # requests a second of the soak
OPTIONS = []
BATCHES = "  batch: {max_batch_size: 32, latency_budget: 100ms}\n"


def seconds(amount):
    """A condition that becomes true after `amount` seconds."""
    end = time.monotonic() + amount
    return lambda: time.monotonic() > end


async def poison(work, rounds=100):
    """One request in 32 raises, or answers NaN; its batch-mates must not notice."""
    with Server(work, *OPTIONS, serve=BATCHES) as server:
        connections = [Connection(server.port) for _ in range(32)]
        for fault in (model.RAISES, model.NAN):
            guilty, mates = Tally(), Tally()
            for number in range(rounds):
                bad = random.randrange(32)
                rows = [[float(number * 32 + i), fault if i == bad else 0, 0.0] for i in range(32)]
                began = time.monotonic()
                asked = [c.ask(row) for c, row in zip(connections, rows, strict=True)]
                for i, (outcome, _) in enumerate(await asyncio.gather(*asked)):
                    (guilty if i == bad else mates).note(outcome, time.monotonic() - began)
            print(f"{fault=}: mates {mates} p99 {percentile(mates.latencies, 0.99):.0f} ms; "
                  f"guilty {guilty}")  # fmt: skip


async def crash(work, times=20):
    """The model's process dies under 32 clients."""
    with Server(work, *OPTIONS, serve=BATCHES) as server:
        before = server.descriptors()
        for fault in (model.SEGFAULTS, model.EXITS, model.ABORTS):
            tally, poisons, done = Tally(), Tally(), asyncio.Event()
            load = asyncio.create_task(closed_loop(server.port, 32, done.is_set, tally))
            recovered = []
            for _ in range(times):
                await asyncio.sleep(0.3)
                began = time.monotonic()
                outcome, _ = await Connection(server.port).ask([-1.0, fault, 0.0])
                poisons.note(outcome, 0)
                await Connection(server.port).ask([-2.0, 0, 0.0])
                recovered.append(time.monotonic() - began)
            done.set()
            await load
            print(f"{fault=} x {times}: mates {tally} p99 {percentile(tally.latencies, 0.99):.0f} "
                  f"ms; poison {poisons}; serving again after {percentile(recovered, 0.5):.0f} ms "
                  f"(median)")  # fmt: skip
        print(f"zombies {server.zombies()}, descriptors {before} -> {server.descriptors()}")


async def hang(work, times=4):
    """The model never comes back: asleep, in a C loop, in a deadlock."""
    serve = BATCHES + "  timeout: 3s\n"
    with Server(work, *OPTIONS, serve=serve) as server:
        for fault in (model.SLEEPS, model.SPINS, model.DEADLOCKS):
            tally, poisons, done = Tally(), Tally(), asyncio.Event()
            load = asyncio.create_task(closed_loop(server.port, 16, done.is_set, tally))
            taken = []
            for _ in range(times):
                await asyncio.sleep(0.3)
                began = time.monotonic()
                outcome, _ = await Connection(server.port).ask([-1.0, fault, 0.0])
                taken.append(time.monotonic() - began)
                poisons.note(outcome, 0)
            done.set()
            await load
            print(f"{fault=} x {times}, timeout 3 s: mates {tally} p99 "
                  f"{percentile(tally.latencies, 0.99):.0f} ms; poison {poisons} after at most "
                  f"{max(taken):.2f} s")  # fmt: skip


async def overload(work, length=8.0, budget=0.5):
    """Open loop at multiples of the capacity; goodput is what is answered within 0.5 s."""
    serve = BATCHES + "  timeout: 500ms\n"
    with Server(work, *OPTIONS, serve=serve) as server:
        tally = Tally()
        await closed_loop(server.port, 64, seconds(3.0), tally)
        capacity = tally.outcomes[200] / 3.0
        print(f"capacity {capacity:.0f}/s (64 clients)")
        for factor in (0.7, 1, 2, 3, 5, 10):
            tally = await open_loop(server.port, capacity * factor, length)
            good = sum(taken <= budget for taken in tally.latencies) / length
            print(f"{factor:>4}x: goodput {good:.0f}/s ({good / capacity:.0%}); {tally}; p99 of "
                  f"200 {percentile(tally.latencies, 0.99):.0f} ms, of refusals "
                  f"{percentile(tally.refusals, 0.99):.0f} ms")  # fmt: skip
        began, tally = time.monotonic(), Tally()
        await closed_loop(server.port, 64, seconds(3.0), tally)
        print(f"after: {tally.outcomes[200] / (time.monotonic() - began):.0f}/s; {tally}")


async def open_loop(port, rate, length):
    """Requests at random times, whatever became of the earlier ones; at most 2,000 at once."""
    tally, idle, tasks = Tally(), [], set()

    async def one(due, number):
        connection = idle.pop() if idle else Connection(port, timeout=5.0)
        outcome, _ = await connection.ask([number, 0, 0.0])
        tally.note(outcome, time.monotonic() - due)
        idle.append(connection)

    due, end, number = time.monotonic(), time.monotonic() + length, 0.0
    while due < end:
        due += random.expovariate(rate)
        number += 1
        pause = due - time.monotonic()
        if pause > 0:
            await asyncio.sleep(pause)
        if len(tasks) >= 2000:
            tally.note("not sent", 0)
            continue
        task = asyncio.create_task(one(due, number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    for connection in idle:
        connection.close()
    return tally


async def drain(work, times=10):
    """SIGTERM under 64 clients: nothing that was sent stays unanswered."""
    total = Tally()
    for _ in range(times):
        with Server(work, *OPTIONS, serve=BATCHES) as server:
            tally = Tally()
            gone = lambda s=server: s.process.poll() is not None  # noqa: E731
            load = asyncio.create_task(closed_loop(server.port, 64, gone, tally))
            await asyncio.sleep(0.7)
            server.process.send_signal(signal.SIGTERM)
            await load
            total.outcomes += tally.outcomes
            code = server.process.wait()
    refused = total.outcomes.pop("refused", 0)
    print(f"{times} x: {total}; exit code {code}; refused after the end: {refused}")


async def restart(work, times=10):
    """`bundle restart` under clients that never retry."""
    with Server(work, *OPTIONS, serve=BATCHES) as server:
        tally, done = Tally(), asyncio.Event()
        load = asyncio.create_task(closed_loop(server.port, 8, done.is_set, tally))
        codes = []
        for _ in range(times):
            process = await asyncio.create_subprocess_exec(
                str(BUNDLE), "restart", str(server.port), env=server.environment,
                stdout=subprocess.DEVNULL,
            )  # fmt: skip
            codes.append(await process.wait())
            await asyncio.sleep(0.3)
        done.set()
        await load
        print(f"{times} restarts (exit codes {sorted(set(codes))}): {tally}")


async def slow(work, attackers=400):
    """Connections that send, or read, next to nothing, beside 10 good clients."""
    serve = BATCHES + "  limits: {receive_timeout: 5s}\n"
    with Server(work, *OPTIONS, serve=serve) as server:
        alone = Tally()
        await closed_loop(server.port, 10, seconds(3.0), alone)
        cut = []
        kinds = (b"", b"POST /predict HTTP/1.1\r\nhost: x\r\n", LONG_BODY, LONG_BODY + b"\r\n")
        attacks = [
            asyncio.create_task(attack(server.port, kinds[i % 4], cut)) for i in range(attackers)
        ]
        beside = Tally()
        await closed_loop(server.port, 10, seconds(12.0), beside)
        await asyncio.gather(*attacks)
        print(f"good clients alone p99 {percentile(alone.latencies, 0.99):.0f} ms; beside "
              f"{attackers} slow ones {beside} p99 {percentile(beside.latencies, 0.99):.0f} ms; "
              f"cut {len(cut)}, the last after {max(cut):.1f} s (deadline 5 s)")  # fmt: skip


LONG_BODY = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"


async def attack(port, start, cut):
    """Say `start`, then a byte a second, until the server has had enough."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(start)
    try:
        while time.monotonic() - began < 30:
            try:
                async with asyncio.timeout(1.0):
                    if not await reader.read(1 << 16):
                        break
            except TimeoutError:
                writer.write(b"x")
        else:
            return
    except OSError:
        pass
    finally:
        writer.close()
    cut.append(time.monotonic() - began)


async def leavers(work, number=2000):
    """Clients that leave at any moment, beside 10 that stay."""
    with Server(work, *OPTIONS, serve=BATCHES) as server:
        tally, done = Tally(), asyncio.Event()
        load = asyncio.create_task(closed_loop(server.port, 10, done.is_set, tally))
        body = b'{"instances": [[5.0, 0, 0]]}'
        request = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
        for _ in range(number // 50):
            await asyncio.gather(*(leave(server.port, request + body) for _ in range(50)))
        await asyncio.sleep(1.0)
        pending = pending_rows(server)
        done.set()
        await load
        print(f"{number} left; those who stayed: {tally}; rows still pending: {pending}")


async def leave(port, request):
    """Send some of a request and go, politely or not."""
    _, writer = await asyncio.open_connection(HOST, port)
    writer.write(request[: random.randrange(1, len(request) + 1)])
    await asyncio.sleep(random.random() * 0.03)
    if random.random() < 0.5:
        writer.transport.abort()
    writer.close()


def pending_rows(server):
    """From /metrics, with the load of the good clients (10) in it."""
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("bundle_pending_rows{"))


async def soak(work):
    """Everything that clients do, at a moderate rate: nothing grows."""
    port, options = serve_options()
    with Server(work, *OPTIONS, *options, serve=BATCHES + SERVE) as server:
        await soak_of(server, port, SOAK, RATE, SOAK / 4)


ALL = {
    "poison": poison, "crash": crash, "hang": hang, "overload": overload, "drain": drain,
    "restart": restart, "slow": slow, "leavers": leavers, "soak": soak,
}  # fmt: skip
