"""A simulated world for the batcher: a clock that jumps, a model that only takes time.

The real `Batcher` runs on a real event loop whose time is simulated, so that an hour of traffic
takes seconds and every run is the same. Textbook policies run beside it in a plain event queue,
with the same clients and the same model.
"""

import asyncio
import heapq
import random
import selectors
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf, isnan
from typing import Any

from modelbundle.runtime.batching.batcher import Batcher
from modelbundle.runtime.batching.execution.executor import WrongLength
from modelbundle.runtime.batching.execution.worker import Done
from modelbundle.runtime.batching.policy.window import Limits
from modelbundle.runtime.batching.request import Request
from modelbundle.runtime.errors import ModelDied, RequestError


class Stuck(Exception):
    """Everybody waits and nothing will ever happen."""


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of sleeping until a timer is due, moves the clock there.

    Whoever only turns and turns the loop, so that it never sleeps, is waiting: then turns take time.
    """

    now = 0.0
    turn = 5e-6  # seconds
    patience = 20  # turns
    turned = 0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise Stuck("No timer, no callback, no socket.")
            self.turned = 0 if timeout > 0.0 else self.turned + 1
            self.now += self.turn if self.turned > self.patience else max(0.0, timeout)
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop on which time passes only when there is nothing to do."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._clock_resolution = 1e-12

    def time(self) -> float:
        return self._jumping.now


def simulate(main: Callable[[SimulatedLoop], Any]) -> Any:
    """Run the coroutine `main(loop)` in simulated time; its result."""
    loop = SimulatedLoop()
    try:
        return loop.run_until_complete(main(loop))
    finally:
        loop.close()


class SimulatedExecutor:
    """Computes at once, and has it take as long as `service` says of so many rows.

    With `restart` it is like a process: it dies where the model raises ModelDied, or when it is
    killed, and is ready again so many seconds later. Else it is like a thread, which cannot die.
    """

    def __init__(
        self,
        model: Callable[[Any], Any],
        service: Callable[[int], float],
        restart: float | None = None,
    ) -> None:
        self.model = model
        self.service = service
        self.restart = restart
        self.batches: list[int] = []
        self.kills: list[tuple[float, str]] = []
        self.is_ready = False
        self.loop: asyncio.AbstractEventLoop
        self.on_ready: Callable[[], None]
        self.running: tuple[Done, asyncio.Handle | None] | None = None

    def start(self, loop: asyncio.AbstractEventLoop, on_ready: Callable[[], None]) -> None:
        self.loop = loop
        self.on_ready = on_ready
        self.is_ready = True

    def submit(self, inputs: list[Any], rows: int, done: Done) -> None:
        assert self.is_ready, "asked while it was not ready"
        assert self.running is None, "asked for two things at once"
        batch = Rows.concat(inputs)
        self.batches.append(len(batch))
        output, error = None, None
        try:
            output = self.model(batch)
        except Exception as caught:  # noqa: BLE001 - as Worker does
            error = caught
        if error is None and rows and len(output) != rows:
            output, error = None, WrongLength(rows, len(output))
        seconds = self.service(len(batch))
        timer = None if seconds == inf else self.loop.call_later(seconds, self.end, output, error)
        self.running = done, timer

    def end(self, output: Any, error: Exception | None) -> None:
        assert self.running is not None
        (done, _), self.running = self.running, None
        if isinstance(error, ModelDied) and self.restart is not None:
            self.is_ready = False
            self.loop.call_later(self.restart, self.live)
        done(output, error)

    def live(self) -> None:
        self.is_ready = True
        self.on_ready()

    def poll(self) -> None:
        """The simulated loop is never late."""

    def kill(self, why: str) -> None:
        self.kills.append((self.loop.time(), why))
        if self.restart is None or self.running is None:
            return
        _, timer = self.running
        if timer is not None:
            timer.cancel()
        self.end(None, ModelDied(why))

    def stop(self) -> None:
        self.is_ready = False


class Rows:
    """RowOps for lists."""

    @staticmethod
    def rows(batch: list[Any]) -> int:
        return len(batch)

    @staticmethod
    def concat(batches: list[list[Any]]) -> list[Any]:
        return [row for batch in batches for row in batch]

    @staticmethod
    def slice(batch: list[Any], start: int, stop: int) -> list[Any]:
        return batch[start:stop]

    @staticmethod
    def is_finite(output: list[Any]) -> bool:
        return not any(isinstance(value, float) and isnan(value) for value in output)


@dataclass(frozen=True)
class Machine:
    """A model that takes alpha + beta * rows seconds, give or take `noise`, for up to `most` rows."""

    alpha: float = 0.005
    beta: float = 0.0002
    most: int = 64
    noise: float = 0.08

    @property
    def capacity(self) -> float:
        """Rows a second in full batches."""
        return self.most / (self.alpha + self.beta * self.most)

    def service(self, rng: random.Random) -> Callable[[int], float]:
        """Seconds of each batch, by its rows."""
        return lambda rows: (self.alpha + self.beta * rows) * max(0.1, rng.gauss(1, self.noise))


@dataclass(frozen=True)
class Open:
    """Independent clients: Poisson arrivals, `rate` a second, in bursts if `on` < 1.

    `on` is the share of each `period` in which all arrivals fall.
    """

    rate: float
    on: float = 1.0
    period: float = 0.5

    def arrivals(self, count: int, rng: random.Random) -> list[float]:
        now, times = 0.0, []
        for _ in range(count):
            now += rng.expovariate(self.rate)
            cycle, rest = divmod(now, self.period)
            times.append(cycle * self.period + rest * self.on)
        return times


@dataclass(frozen=True)
class Closed:
    """`clients` that ask again as soon as they are answered, after an exponential `think` time."""

    clients: int
    think: float = 0.0003


@dataclass
class Outcome:
    """What became of the requests."""

    latencies: list[float] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def quantile(self, share: float) -> float:
        """Seconds within which `share` of the answered requests were answered."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def throughput(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def goodput(self, within: float) -> float:
        """Answers a second that came `within` seconds."""
        return sum(latency <= within for latency in self.latencies) / self.seconds

    @property
    def mean_batch(self) -> float:
        """Rows a batch."""
        return sum(self.batches) / len(self.batches)


# --- the real batcher ---


def run_batcher(
    traffic: Open | Closed,
    machine: Machine = Machine(),
    count: int = 20_000,
    slo: float | None = None,
    seed: int = 1,
    budget: float = 0.05,
) -> Outcome:
    """Send `count` requests of one row through the real Batcher."""
    rng = random.Random(seed)
    service = machine.service(random.Random(seed + 1))

    async def main(loop: SimulatedLoop) -> Outcome:
        executor = SimulatedExecutor(lambda batch: batch, service)
        limits = Limits(max_batch_size=machine.most, latency_budget=budget)
        batcher = Batcher(executor, Rows(), limits, clock=loop.time)
        await batcher.start()
        await batcher.warm_up([0])
        executor.batches.clear()
        run = _Run(batcher, loop, slo, count)
        if isinstance(traffic, Open):
            run.open(traffic.arrivals(count, rng))
        else:
            run.close(traffic, rng)
        await run.finished
        await batcher.stop()
        run.outcome.batches = executor.batches
        return run.outcome

    return simulate(main)


class _Asked(Request):
    """One row of a simulated client."""

    __slots__ = ("world",)

    def __init__(self, world: "_Run", deadline: float | None) -> None:
        super().__init__([0], 1, 0, deadline)
        self.world = world

    def succeed(self, output: Any) -> None:
        self.world.answer(self.arrived)

    def fail(self, error: RequestError) -> None:
        self.world.refuse(error)


class _Run:
    """Clients of a batcher."""

    def __init__(self, batcher: Batcher, loop: SimulatedLoop, slo: float | None, count: int):
        self.batcher, self.loop, self.slo, self.count = batcher, loop, slo, count
        self.outcome = Outcome()
        self.finished = loop.create_future()
        self.began = loop.time()
        self.ended = 0
        self.again: Callable[[], None] = lambda: None

    def open(self, times: list[float]) -> None:
        upcoming = iter(times)

        def arrive() -> None:
            self.ask()
            follow()

        def follow() -> None:
            due = next(upcoming, None)
            if due is not None:
                self.loop.call_at(self.began + due, arrive)

        follow()

    def close(self, traffic: Closed, rng: random.Random) -> None:
        def again() -> None:
            self.loop.call_later(rng.expovariate(1 / traffic.think), self.ask)

        self.again = again
        for _ in range(traffic.clients):
            again()

    def ask(self) -> None:
        now = self.loop.time()
        deadline = None if self.slo is None else now + self.slo
        try:
            self.batcher.enqueue(_Asked(self, deadline))
        except RequestError as error:
            self.refuse(error)

    def answer(self, asked: float) -> None:
        self.outcome.latencies.append(self.loop.time() - asked)
        self.end()

    def refuse(self, error: RequestError) -> None:
        self.outcome.refused[type(error).__name__] += 1
        self.end()

    def end(self) -> None:
        self.ended += 1
        if self.ended < self.count:
            self.again()
        elif not self.finished.done():
            self.outcome.seconds = self.loop.time() - self.began
            self.finished.set_result(None)


# --- textbook policies ---

Policy = Callable[[float, deque[float]], float]
"""When to release a batch, given the time and when the queued rows arrived; asked while idle."""


def greedy(now: float, queue: deque[float]) -> float:
    """Whenever the executor is free."""
    return now


def waiter(delay: float, most: int = 64) -> Policy:
    """When the oldest has waited `delay` or the batch is full (Triton's rule)."""
    return lambda now, queue: now if len(queue) >= most else max(now, queue[0] + delay)


def marginal(alpha: float, bound: float, most: int = 64) -> Policy:
    """While fewer rows wait than arrive within alpha: the rule r < lambda * alpha, bounded."""
    last, gap = 0.0, inf

    def release(now: float, queue: deque[float]) -> float:
        nonlocal last, gap
        if queue[-1] > last:
            gap = (queue[-1] - last) if gap == inf else gap + (queue[-1] - last - gap) / 32
            last = queue[-1]
        if len(queue) >= most or len(queue) >= alpha / gap:
            return now
        return max(now, queue[0] + bound)

    return release


def run_policy(
    policy: Policy,
    traffic: Open | Closed,
    machine: Machine = Machine(),
    count: int = 20_000,
    seed: int = 1,
) -> Outcome:
    """Send the same requests through a textbook policy."""
    rng = random.Random(seed)
    service = machine.service(random.Random(seed + 1))
    if isinstance(traffic, Open):
        arrivals = traffic.arrivals(count, rng)
    else:
        arrivals = [rng.expovariate(1 / traffic.think) for _ in range(traffic.clients)]
    outcome, queue = Outcome(), deque[float]()
    heapq.heapify(arrivals)
    now, free = 0.0, 0.0
    while len(outcome.latencies) < count:
        due = max(free, now)
        release = max(due, policy(due, queue)) if queue else inf
        if arrivals and arrivals[0] <= release:
            now = heapq.heappop(arrivals)
            queue.append(now)
            continue
        now = release
        batch = [queue.popleft() for _ in range(min(len(queue), machine.most))]
        free = now + service(len(batch))
        outcome.batches.append(len(batch))
        outcome.latencies += [free - arrived for arrived in batch]
        if isinstance(traffic, Closed):
            for _ in batch:
                heapq.heappush(arrivals, free + rng.expovariate(1 / traffic.think))
    outcome.seconds = free
    return outcome
