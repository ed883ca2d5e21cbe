"""What a batcher must do, each of which some other server has failed at.

Here in short, on a real loop with a real thread; the same in depth:
3, 6    test_simulation (every load, every number of clients)
4, 5    test_batch, test_model_process (crashes and hangs)
7, 8    test_batcher
10, 11  test_ranked
13      test_batch
14      tests/runtime/services/test_service_host.py (a client that leaves closes the generator)
"""

import asyncio
import time

import numpy as np
import pytest

from modelbundle.runtime.batching.batcher import Batcher
from modelbundle.runtime.batching.policy.window import Limits
from modelbundle.runtime.batching.request import FutureRequest
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.errors import Overloaded, PredictionFailed
from modelbundle.runtime.telemetry.metrics import Metrics
from modelbundle.tests.runtime.batching.doubling import (
    POISON,
    answered,
    ask,
    busy,
    outcomes,
    row,
    serve,
    threaded,
)
from modelbundle.tests.runtime.batching.simulation import (
    Closed,
    Machine,
    Open,
    greedy,
    run_batcher,
    run_policy,
    waiter,
)

GPU = Machine()
SLO = 0.05


def test_1_a_lone_request_pays_for_no_company():
    """In simulated time, so that no other process is measured: not a microsecond."""
    outcome = run_batcher(Open(0.01), Machine(noise=0.0, most=1000), count=20)

    assert outcome.quantile(1.0) == pytest.approx(0.0052, abs=1e-9)


def test_2_what_has_queued_while_the_model_was_busy_fills_the_next_batches(model):
    async def scenario(batcher):
        first = await busy(batcher, model)
        queued = [ask(batcher, row(n)) for n in range(100)]
        model.gate.set()
        await asyncio.gather(first, *queued)

    serve(scenario, model, max_batch_size=50)

    assert model.batches == [1, 50, 50]


@pytest.mark.parametrize("clients", [16, 64])
def test_3_clients_in_a_closed_loop_are_served_as_by_a_timer(clients):
    ours = run_batcher(Closed(clients), GPU, count=5000)
    theirs = run_policy(waiter(0.005), Closed(clients), GPU, count=5000)

    assert ours.throughput >= 0.95 * theirs.throughput


def test_3_independent_clients_wait_no_longer_than_with_greed():
    traffic = Open(0.6 * GPU.capacity)
    ours, theirs = run_batcher(traffic, GPU, 5000), run_policy(greedy, traffic, GPU, 5000)

    assert ours.quantile(0.99) <= 1.02 * theirs.quantile(0.99)


def test_4_whoever_leaves_a_batch_harms_nobody(model):
    async def scenario(batcher):
        first = await busy(batcher, model)
        mates = [ask(batcher, row(n)) for n in range(3)]
        mates[1].cancel()
        model.gate.set()
        await first
        return await outcomes([mates[0], mates[2]])

    assert [r.tolist() for r in serve(scenario, model)] == [answered(0), answered(2)]
    assert model.batches == [1, 2]


def test_5_only_the_poisoned_row_fails(model):
    rows = [1, 2, POISON, 3]

    results = serve(lambda b: outcomes_of(b, rows), model)

    assert isinstance(results[2], PredictionFailed)
    assert [r.tolist() for r in results if not isinstance(r, PredictionFailed)] == [
        answered(value) for value in (1, 2, 3)
    ]


async def outcomes_of(batcher, values):
    return await outcomes([ask(batcher, row(value)) for value in values])


def test_6_overload_is_refused_at_once_and_the_rest_is_answered_in_time():
    outcome = run_batcher(Open(1.2 * GPU.capacity), GPU, 10_000, slo=SLO)

    assert outcome.goodput(SLO) >= 0.9 * GPU.capacity


def test_6_a_refusal_says_when_to_come_back_and_takes_no_turn(model):
    async def scenario(batcher):
        await batcher.warm_up(row(1))
        model.entered.clear()
        first = await busy(batcher, model)
        ask(batcher, row(1))
        with pytest.raises(Overloaded) as caught:
            ask(batcher, row(2))  # raised here: no loop turn, no model, no timer
        model.gate.set()
        await first
        return caught.value.retry_after

    assert serve(scenario, model, max_queue_rows=1) > 0


def test_7_one_request_of_100_rows_takes_13_batches_of_8_and_keeps_its_order(model):
    rows = np.arange(200.0).reshape(100, 2)

    answer = serve(lambda b: b.submit(rows, rows=100), model, max_batch_size=8)

    assert len(model.batches) == 13
    assert answer.tolist() == (2 * rows).tolist()


def test_8_mixed_shapes_never_meet():
    seen = []

    def call(batch):
        seen.append(batch.shape[1])
        return batch

    async def scenario(batcher):
        shapes = [2, 3, 4] * 5
        await asyncio.gather(*(batcher.submit(row(1, n), rows=1, key=n) for n in shapes))

    serve(scenario, call)

    assert sorted(seen) == [2, 3, 4]


def test_9_parameters_are_each_request_s_own(model):
    """Whatever must be equal is part of the key, so that no batch has two of it."""
    seen = []

    def call(batch):
        seen.append({value for value, _ in batch.tolist()})
        return batch

    async def scenario(batcher):
        kinds = [1.0, 2.0] * 10
        return await asyncio.gather(*(batcher.submit(row(k), rows=1, key=k) for k in kinds))

    answers = serve(scenario, call)

    assert all(len(kinds) == 1 for kinds in seen)
    assert [answer[0][0] for answer in answers] == [1.0, 2.0] * 10


def test_12_sizes_and_waits_can_be_seen(model):
    metrics = Metrics([], ["double.predict"], ["double"])

    async def main():
        queue = metrics.queue("double.predict")
        batcher = Batcher(threaded(model), table, Limits(), observer=queue)
        await batcher.start()
        requests = [FutureRequest(row(n), 1) for n in range(5)]
        assert requests[0].run is None
        for request in requests:
            batcher.enqueue(request)
        await asyncio.gather(*(request.answer() for request in requests))
        await batcher.stop()
        return requests

    before = time.monotonic()
    requests = asyncio.run(main())

    assert [request.run.rows for request in requests] == [5] * 5
    for request in requests:
        assert before <= request.arrived <= request.released <= request.finished
    text = metrics.text().decode()
    assert 'bundle_batch_rows_sum{queue="double.predict"} 5.0' in text
    assert 'bundle_batches_total{queue="double.predict",reason="idle"} 1.0' in text


def test_13_out_of_memory_at_64_goes_on_with_32(model):
    model.memory = 40

    async def scenario(batcher):
        return await batcher.submit(np.ones((128, 2)), rows=128)

    assert len(serve(scenario, model, max_batch_size=64)) == 128
    assert model.batches == [64, 32, 32, 32, 32]
