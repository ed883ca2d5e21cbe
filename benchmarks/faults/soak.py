"""The soak: everything that clients do, good and bad, at a moderate rate, for a long time.

Requests come at random times, whatever became of the earlier ones. Once a minute or so the memory
of each process is read (its proportional share: what n processes have together counts 1/n in each);
what is fitted begins after the warm-up, in which libraries and caches fill.
"""

import asyncio
import json
import random
import time
from collections import defaultdict

import grpc
import model
import numpy as np
from clients import HOST, Connection, Tally
from server import count, free_port, read

from modelbundle.runtime.grpc.messages.pool import pool

PATIENCE = 10.0  # seconds that a client has
SERVE = "  dialects: [native, v2, v1, grpc]\n"
PATH = "/inference.GRPCInferenceService/ModelInfer"


class Clients:
    """Those who ask; each kind of request has a share, and a status that it must end with.

    One in a hundred raises: its batch is halved until it stands alone, ten calls for one request
    of 32. Four in a hundred kept the model busy for longer than there was time, and what grew
    were the requests that waited.
    """

    def __init__(self, port, grpc_port):
        self.tally = Tally()
        self._port = port
        self._idle = []
        self._number = 0.0
        self._kinds = [
            (65, "good", self._good), (10, "v2", self._v2), (8, "gRPC", self._grpc),
            (2, "64 rows", self._many), (1, "raises", self._raises), (3, "422", self._shape),
            (2, "404", self._nowhere), (2, "415", self._type), (2, "413", self._large),
            (2, "broken JSON", self._broken), (1, "no HTTP", self._garbage),
            (2, "cancelled", self._leaves),
        ]  # fmt: skip
        self._channel = grpc.aio.insecure_channel(f"{HOST}:{grpc_port}")
        self._call = self._channel.unary_unary(PATH)

    async def ask(self):
        """One request, of a random kind."""
        self._number += 1
        weights = [share for share, *_ in self._kinds]
        _, kind, one = random.choices(self._kinds, weights)[0]
        began = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                outcome = await one(self._number)
        except (OSError, EOFError, TimeoutError, grpc.RpcError) as error:
            outcome = f"wrong: {type(error).__name__}"
        self.tally.note(f"{kind}: {outcome}", 0)
        if outcome == "as expected":
            self.tally.latencies.append(time.monotonic() - began)

    async def close(self):
        """Hang up."""
        for connection in self._idle:
            connection.close()
        await self._channel.close()

    # --- kinds ---

    async def _good(self, number):
        return await self._post("/predict", {"instances": [[number, 0, 0]]}, 200, self._is_right)

    async def _raises(self, number):
        return await self._post("/predict", {"instances": [[number, model.RAISES, 0]]}, 500)

    async def _shape(self, number):
        return await self._post("/predict", {"instances": [[number]]}, 422)

    async def _nowhere(self, number):
        return await self._post(f"/nowhere/{number:.0f}", {}, 404)

    async def _type(self, number):
        return await self._post("/predict", f"<{number}/>", 415, kind="text/xml")

    async def _broken(self, number):
        return await self._post("/predict", f'{{"instances": [[{number}, 0, 0]', 400)

    async def _many(self, number):
        rows = [[number + at, 0, 0] for at in range(64)]
        return await self._post("/predict", {"instances": rows}, 200)

    async def _v2(self, number):
        data = {"name": "input", "shape": [1, 3], "datatype": "FP64", "data": [number, 0, 0]}

        def is_right(_, answer):
            return answer["outputs"][0]["data"] == [number, 3 * number + 1]

        return await self._post("/v2/models/faulty/infer", {"inputs": [data]}, 200, is_right)

    async def _grpc(self, number):
        said = pool()["inference.ModelInferRequest"](model_name="faulty")
        said.inputs.add(name="input", datatype="FP64", shape=[1, 3])
        said.raw_input_contents.append(np.array([number, 0, 0]).tobytes())
        answer = pool()["inference.ModelInferResponse"]()
        answer.ParseFromString(await self._call(said.SerializeToString()))
        got = np.frombuffer(answer.raw_output_contents[0]).tolist()
        return "as expected" if got == [number, 3 * number + 1] else f"wrong: {got}"

    async def _large(self, _):
        head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n"
        return await self._raw(head, b"413")

    async def _garbage(self, _):
        return await self._raw(random.randbytes(200) + b"\r\n\r\n", b"400")

    async def _leaves(self, number):
        body = json.dumps({"instances": [[number, 0, 0]]}).encode()
        request = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
        _, writer = await asyncio.open_connection(HOST, self._port)
        writer.write((request + body)[: random.randrange(1, len(request + body) + 1)])
        await asyncio.sleep(random.random() * 0.03)
        if random.random() < 0.5:
            writer.transport.abort()
        writer.close()
        return "as expected"

    @staticmethod
    def _is_right(sent, answer):
        (number, *_), *_ = sent["instances"]
        return answer == {"predictions": [[number, 3 * number + 1]]}

    async def _post(self, path, value, expected, is_right=None, kind="application/json"):
        body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: {kind}\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        connection = self._idle.pop() if self._idle else Connection(self._port)
        await connection.open()
        connection.writer.write(head.encode() + body)
        status, answer = await connection.answer()
        connection.rested = time.monotonic()
        self._idle.append(connection)
        if status != expected:
            return f"wrong: {status}"
        return "as expected" if is_right is None or is_right(value, answer) else "wrong: answer"

    async def _raw(self, data, expected):
        reader, writer = await asyncio.open_connection(HOST, self._port)
        try:
            writer.write(data)
            status = (await reader.readuntil(b"\r\n")).split()[1]
        finally:
            writer.close()
        return "as expected" if status == expected else f"wrong: {status.decode('latin-1')}"


class Watched:
    """The server's processes, looked at from time to time."""

    def __init__(self, server):
        self._server = server
        self._began = time.monotonic()
        self.memory = defaultdict(list)  # pid -> [(seconds, MiB)]
        self.counts = []  # (descriptors, threads, objects in shared memory)
        self._used = self._processor()

    def look(self):
        """Read them all."""
        now = time.monotonic() - self._began
        total = 0.0
        for pid in self._server.tree():
            held = _pss(pid)
            total += held
            self.memory[pid].append((now, held))
        self.memory["all"].append((now, total))
        shared = count("/dev/shm")
        self.counts.append((self._server.descriptors(), self._server.threads(), shared))

    def _processor(self):
        return {pid: _seconds(pid) for pid in self._server.tree()}

    def load(self, seconds):
        """The share of a core that the server has taken."""
        now = self._processor()
        return sum(now[pid] - self._used.get(pid, 0.0) for pid in now) / seconds

    def report(self, warm_up):
        """A line for each process."""
        for pid, points in self.memory.items():
            warm = [point for point in points if point[0] >= warm_up]
            if len(warm) > 2:
                print(f"{pid}: {points[0][1]:.1f} -> {warm[0][1]:.1f} after the warm-up -> "
                      f"{warm[-1][1]:.1f} MiB, slope {slope(warm):.2f} MiB/h")  # fmt: skip


async def soak(server, grpc_port, seconds, rate, warm_up):
    """Ask for so many seconds, the warm-up among them; tell what grew."""
    clients, watched = Clients(server.port, grpc_port), Watched(server)
    tasks, began, looked, due = set(), time.monotonic(), 0.0, 0.0
    while (now := time.monotonic() - began) < seconds:
        if not looked or now - looked > seconds / 120:
            looked = now
            await asyncio.to_thread(watched.look)
        if len(tasks) < 500:
            task = asyncio.create_task(clients.ask())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        due = max(due + random.expovariate(rate), now - 1.0)
        if due > now:
            await asyncio.sleep(due - now)
    await asyncio.gather(*tasks)
    load, machine = watched.load(seconds), read("/proc/loadavg").split()[0]
    await clients.close()
    await asyncio.sleep(2.0)
    watched.look()
    print(f"{seconds:.0f} s at {clients.tally.total / seconds:.0f} requests/s, {load:.2f} of a "
          f"core; load of the machine {machine}")  # fmt: skip
    print(clients.tally)
    for name, place in (("descriptors", 0), ("threads", 1), ("shared memory", 2)):
        seen = [counts[place] for counts in watched.counts]
        print(f"{name}: {seen[0]} first, {max(seen)} at most, {seen[-1]} last")
    print(f"zombies: {server.zombies()}")
    watched.report(warm_up)


def slope(points):
    """Theil-Sen: the median of all pairs' slopes, in MiB an hour."""
    pairs = [
        (b - a) / (t - s)
        for i, (s, a) in enumerate(points)
        for t, b in points[i + 1 :]
    ]  # fmt: skip
    return 3600 * sorted(pairs)[len(pairs) // 2]


def _pss(pid):
    for line in read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _seconds(pid):
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100 if fields else 0.0


def serve_options():
    """A port for gRPC, and the options of `bundle serve` for it."""
    port = free_port()
    return port, ("--grpc-port", str(port))
