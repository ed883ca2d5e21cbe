"""Priorities and shares, in simulated time: who is served when there is too much of somebody."""

import asyncio
import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbundle.runtime.batching.batcher import Batcher
from modelbundle.runtime.batching.lanes.ledger import KNOWN, Ledger
from modelbundle.runtime.batching.policy.window import Limits
from modelbundle.runtime.batching.request import Request
from modelbundle.runtime.errors import RequestError
from modelbundle.tests.runtime.batching.simulation import (
    Machine,
    Open,
    Rows,
    SimulatedExecutor,
    simulate,
)

MACHINE = Machine()
SLO = 0.05
SECONDS = 2.0
BATCH = MACHINE.alpha + MACHINE.beta * MACHINE.most  # seconds


@dataclass(frozen=True)
class Stream:
    """Poisson arrivals of one kind, at `load` times what the machine can do."""

    name: str
    load: float
    priority: int = 1
    rows: int = 1
    key: int = 0
    patience: float | None = None
    begins: float = 0.0
    ends: float = inf


class Asked(Request):
    """What became of one request."""

    __slots__ = ("clock", "seen")

    def __init__(self, stream, seen, clock):
        deadline = None if stream.patience is None else clock() + stream.patience
        super().__init__([0] * stream.rows, stream.rows, 0, deadline, stream.priority, stream.name)
        self.seen, self.clock = seen, clock

    def succeed(self, output):
        assert len(output) == self.rows
        self.seen[self.client].append(self.clock() - self.arrived)

    def fail(self, error):
        self.seen[self.client, "refused"].append(type(error).__name__)


def serve(streams, seconds=SECONDS, seed=1, **limits):
    """Latencies by stream, and refusals."""
    seen = defaultdict(list)
    rng = random.Random(seed)

    async def main(loop):
        executor = SimulatedExecutor(lambda b: b, MACHINE.service(random.Random(seed + 1)))
        batcher = Batcher(executor, Rows(), Limits(**limits), clock=loop.time)
        await batcher.start()
        await batcher.warm_up([0])
        began = loop.time()

        def arrive(stream):
            asked = Asked(stream, seen, loop.time)
            try:
                batcher.enqueue(asked, stream.key)
            except RequestError as error:
                asked.fail(error)

        for stream in streams:
            rate = stream.load * MACHINE.capacity / stream.rows
            for at in Open(rate).arrivals(int(rate * seconds), rng):
                if stream.begins <= at < min(stream.ends, seconds):
                    loop.call_at(began + at, arrive, stream)
        await asyncio.sleep(seconds)
        await batcher.stop()

    simulate(main)
    return seen


def quantile(latencies, share):
    return sorted(latencies)[int(share * (len(latencies) - 1))]


class TestPriorities:
    def test_a_flood_of_unimportant_requests_does_not_stop_an_urgent_one(self):
        """However old those are that wait."""
        seen = serve(
            [Stream("low", 2.0, priority=3), Stream("high", 0.1, priority=0)], priorities=True
        )

        assert quantile(seen["high"], 0.99) < 3 * BATCH
        assert seen["high", "refused"] == []
        assert quantile(seen["low"], 0.99) > 0.5

    def test_without_priorities_it_would(self):
        seen = serve([Stream("low", 2.0, priority=3), Stream("high", 0.1, priority=0)])

        assert quantile(seen["high"], 0.99) > 0.5

    @pytest.mark.parametrize("low", [1, 2, 3])
    def test_a_flood_of_urgent_requests_does_not_starve_the_others(self, low):
        streams = [Stream("high", 2.0, priority=0), Stream("low", 0.05, priority=low)]

        seen = serve(streams, priorities=True)

        assert seen["low", "refused"] == []
        assert max(seen["low"]) < 3 * SLO + BATCH

    def test_with_deadlines_what_is_shed_is_what_matters_least(self):
        streams = [
            Stream("low", 2.0, priority=3, patience=SLO),
            Stream("high", 0.5, priority=0, patience=SLO),
        ]

        seen = serve(streams, priorities=True)

        assert len(seen["high", "refused"]) <= 0.01 * len(seen["high"])
        assert len(seen["low", "refused"]) > len(seen["low"])

    @pytest.mark.parametrize(("high", "low"), [(0.5, 2.0), (0.9, 1.0), (0.5, 0.6), (0.8, 0.3)])
    @pytest.mark.parametrize("key", [0, 1])
    def test_what_cannot_be_answered_in_time_is_refused_and_costs_no_work(self, high, low, key):
        """Whatever more urgent requests are still to come; but for the first moments of a flood."""
        streams = [
            Stream("high", high, priority=0, patience=0.5),
            Stream("low", low, priority=3, patience=0.5, key=key),
        ]

        seen = serve(streams, priorities=True)

        asked = SECONDS * MACHINE.capacity
        kinds = Counter(seen["low", "refused"])
        assert seen["high", "refused"] == []
        assert kinds["DeadlineExceeded"] <= 0.05 * low * asked
        if key == 0:  # else full batches are rare
            assert len(seen["high"]) + len(seen["low"]) >= 0.9 * min(1.0, high + low) * asked

    def test_a_class_that_had_nothing_left_to_it_is_let_in_once_there_is(self):
        """What is known of a flood does not outlast it."""
        streams = [
            Stream("high", 1.5, priority=0, patience=0.5, ends=1.0),
            Stream("low", 0.5, priority=3, patience=0.5, ends=1.0),
            Stream("late", 0.5, priority=3, patience=0.5, begins=1.5),
        ]

        seen = serve(streams, priorities=True)

        assert len(seen["low", "refused"]) > len(seen["low"])
        assert seen["late", "refused"] == []

    def test_an_urgent_request_takes_the_place_of_another_in_a_full_queue(self):
        streams = [Stream("low", 3.0, priority=2), Stream("high", 0.05, priority=1)]

        seen = serve(streams, priorities=True, max_queue_rows=100)

        assert seen["high", "refused"] == []
        assert set(seen["low", "refused"]) == {"Overloaded"}

    def test_it_holds_between_requests_that_never_share_a_batch(self):
        streams = [Stream("low", 1.5, priority=3), Stream("high", 0.05, priority=0, key=1)]

        seen = serve(streams, priorities=True)

        assert quantile(seen["high"], 0.99) < 3 * BATCH

    def test_nothing_changes_where_there_is_room_for_all(self):
        streams = [Stream("low", 0.2, priority=3), Stream("high", 0.2, priority=0)]

        ranked, plain = serve(streams, priorities=True), serve(streams)

        for name in ("low", "high"):
            assert quantile(ranked[name], 0.99) <= 1.1 * quantile(plain[name], 0.99)


class TestFairness:
    def test_a_client_at_ten_times_the_rate_of_another_gets_at_most_half(self):
        streams = [Stream("greedy", 7.0, patience=0.2), Stream("modest", 0.7, patience=0.2)]

        seen = serve(streams, seconds=1.0, fairness=True)

        assert len(seen["greedy"]) <= 1.1 * len(seen["modest"])

    def test_a_client_that_asks_for_less_than_its_part_gets_all_of_it(self):
        """And the other what is left."""
        streams = [Stream("greedy", 5.0, patience=0.2), Stream("modest", 0.4, patience=0.2)]

        seen = serve(streams, seconds=1.0, fairness=True)

        assert len(seen["modest", "refused"]) <= 0.05 * len(seen["modest"])
        assert len(seen["greedy"]) >= 0.5 * MACHINE.capacity

    def test_without_fairness_it_would_get_nearly_all(self):
        streams = [Stream("greedy", 5.0, patience=0.2), Stream("modest", 0.5, patience=0.2)]

        seen = serve(streams, seconds=1.0)

        assert len(seen["greedy"]) > 5 * len(seen["modest"])

    def test_it_is_the_model_s_time_that_is_shared_not_requests(self):
        streams = [
            Stream("many rows", 3.0, rows=16, patience=0.3),
            Stream("one row", 3.0, patience=0.3),
        ]

        seen = serve(streams, seconds=1.0, fairness=True)

        assert 16 * len(seen["many rows"]) == pytest.approx(len(seen["one row"]), rel=0.25)

    def test_ten_light_clients_do_not_feel_a_heavy_one(self):
        light = [Stream(f"light {n}", 0.01) for n in range(10)]

        alone, beside = (
            serve(light, fairness=True),
            serve([*light, Stream("heavy", 2.0)], fairness=True),
        )

        for stream in light:
            assert beside[stream.name, "refused"] == []
            assert quantile(beside[stream.name], 0.99) <= 2 * BATCH + quantile(
                alone[stream.name], 0.99
            )

    def test_it_holds_between_requests_that_never_share_a_batch(self):
        streams = [Stream("greedy", 2.0), Stream("modest", 0.1, key=1)]

        seen = serve(streams, fairness=True)

        assert quantile(seen["modest"], 0.99) < 4 * BATCH

    def test_who_pauses_is_owed_nothing_and_owes_nothing(self):
        ledger = Ledger()
        ledger.came("a")
        ledger.charge("a", 10.0)
        ledger.came("b")
        assert ledger["b"] == 0.0
        ledger.charge("b", 3.0)
        ledger.left("b")
        ledger.charge("a", 1.0)
        ledger.came("b")
        assert ledger["b"] == ledger["a"] - 1.0

    def test_a_million_clients_are_not_remembered(self):
        ledger = Ledger()
        ledger.came("one")
        for client in range(2 * KNOWN):
            ledger.came(client)
            ledger.charge(client, 1.0)
            ledger.left(client)
        assert len(ledger._spent) <= KNOWN + 1


@dataclass(frozen=True)
class Client:
    """One request and what it does."""

    at: float
    rows: int
    key: int
    priority: int
    client: int
    patience: float | None
    leaves: float | None


CLIENTS = st.lists(
    st.builds(
        Client,
        at=st.floats(0, 0.1),
        rows=st.integers(1, 20),
        key=st.integers(0, 2),
        priority=st.integers(0, 3),
        client=st.integers(0, 3),
        patience=st.none() | st.floats(0.001, 0.3),
        leaves=st.none() | st.floats(0, 0.1),
    ),
    min_size=1,
    max_size=40,
)


class Traced(Request):
    __slots__ = ("outcomes",)

    def succeed(self, output):
        self.outcomes.append(output)

    def fail(self, error):
        self.outcomes.append(error)


@settings(max_examples=200, deadline=None)
@given(
    CLIENTS,
    st.integers(1, 16),
    st.integers(5, 60),
    st.booleans(),
    st.booleans(),
    st.integers(1, 3),
)
def test_in_whatever_order_everybody_gets_one_answer_of_its_own(
    clients, most, room, priorities, fairness, executors
):
    async def main(loop):
        limits = Limits(
            max_batch_size=most,
            max_queue_rows=room,
            latency_budget=0.02,
            priorities=priorities,
            fairness=fairness,
        )
        machines = [
            SimulatedExecutor(lambda b: b, lambda rows: 0.002 + 0.0003 * rows)
            for _ in range(executors)
        ]
        batcher = Batcher(machines, Rows(), limits, clock=loop.time)
        await batcher.start()
        requests = []

        def arrive(index, plan):
            deadline = None if plan.patience is None else loop.time() + plan.patience
            batch = [(index, row) for row in range(plan.rows)]
            request = Traced(batch, plan.rows, 1, deadline, plan.priority, plan.client)
            request.outcomes = []
            requests.append((plan, request))
            try:
                batcher.enqueue(request, plan.key)
            except RequestError as error:
                request.is_over = True
                request.outcomes.append(error)
            if plan.leaves is not None:
                loop.call_later(plan.leaves, request.abandon)

        for index, plan in enumerate(clients):
            loop.call_at(plan.at, arrive, index, plan)
        await asyncio.sleep(0.2)
        await batcher.stop()

        assert (batcher.backlog.rows, batcher.backlog.bytes) == (0, 0)
        for plan, request in requests:
            assert request.is_over
            assert len(request.outcomes) <= 1
            if not request.outcomes:
                assert plan.leaves is not None
            elif isinstance(request.outcomes[0], list):
                assert request.outcomes[0] == request.batch
        if fairness or priorities:
            assert len(batcher._lanes._ledger) == 0

    simulate(main)
