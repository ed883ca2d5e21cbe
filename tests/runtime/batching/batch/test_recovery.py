"""What happens when a batch takes the model with it, or does not come back, in simulated time."""

import asyncio
import logging
from math import inf

import pytest

from modelbundle.runtime.batching.batcher import Batcher
from modelbundle.runtime.batching.observer import NullObserver
from modelbundle.runtime.batching.policy.window import Limits
from modelbundle.runtime.errors import DeadlineExceeded, ModelDied, Overloaded, PredictionFailed
from modelbundle.tests.runtime.batching.doubling import ask, outcomes
from modelbundle.tests.runtime.batching.simulation import Rows, SimulatedExecutor, simulate

pytestmark = pytest.mark.usefixtures("quiet")

HANG = 30.0
RESTART = 1.0


@pytest.fixture(name="quiet")
def _quiet(caplog):
    caplog.set_level(logging.CRITICAL, logger="modelbundle.runtime")


class Log(NullObserver):
    def __init__(self):
        self.deaths, self.releases = [], []

    def released(self, rows, requests, waited, reason):
        self.releases.append((rows, reason))

    def died(self, cause, executor):
        self.deaths.append((cause, executor))


class Patient:
    """A model that dies of "crash" and never comes back from "hang"."""

    def __init__(self, executors=1):
        self.seen = []
        self.seconds = lambda rows: 0.005 + 0.0002 * rows
        self.log = Log()
        self.executors = [self.executor() for _ in range(executors)]

    def executor(self):
        return SimulatedExecutor(self.call, lambda _: self.taken, RESTART)

    def call(self, batch):
        self.seen.append(list(batch))
        self.taken = inf if "hang" in batch else self.seconds(len(batch))
        if "crash" in batch:
            raise ModelDied("was killed by SIGSEGV")
        if "poison" in batch:
            raise ValueError("poison")
        return [("answer", row) for row in batch]

    def serve(self, scenario, **limits):
        async def main(loop):
            batcher = Batcher(
                self.executors,
                Rows(),
                Limits(**({"hang": HANG} | limits)),
                observer=self.log,
                clock=loop.time,
            )
            await batcher.start()
            await batcher.warm_up(["warm"])
            self.seen.clear()
            result = await scenario(batcher)
            await batcher.stop()
            return result

        return simulate(main)

    @property
    def kills(self):
        return [at for executor in self.executors for at, _ in executor.kills]


def kinds(results):
    return [r if isinstance(r, list) else type(r) for r in results]


def one(value):
    return [("answer", value)]


class TestPoison:
    @pytest.mark.parametrize("guilty", range(0, 32, 5))
    def test_it_is_found_by_halves_where_each_call_is_dear(self, guilty):
        patient = Patient()
        patient.seconds = lambda _: 0.005
        rows = ["poison" if number == guilty else number for number in range(32)]

        results = patient.serve(lambda b: outcomes([ask(b, [row]) for row in rows]))

        assert kinds(results) == [PredictionFailed if row == "poison" else one(row) for row in rows]
        assert len(patient.seen) <= 1 + 2 * 5

    def test_all_are_tried_alone_where_a_call_costs_what_its_rows_do(self):
        patient = Patient()
        patient.seconds = lambda rows: 0.005 * rows
        rows = ["poison", *range(31)]

        async def scenario(batcher):
            for size in (1, 2, 4, 8, 16, 32):
                await outcomes([ask(batcher, [row]) for row in range(size)])
            patient.seen.clear()
            return await outcomes([ask(batcher, [row]) for row in rows])

        results = patient.serve(scenario)

        assert kinds(results) == [PredictionFailed, *(one(row) for row in rows[1:])]
        assert [len(batch) > 1 for batch in patient.seen if "poison" in batch] == [True, False]


class TestDeath:
    def test_the_mates_of_a_crash_are_answered_and_the_guilty_is_told(self):
        patient = Patient()
        rows = [*range(13), "crash", *range(13, 31)]

        results = patient.serve(lambda b: outcomes([ask(b, [row]) for row in rows]))

        assert kinds(results) == [ModelDied if row == "crash" else one(row) for row in rows]
        assert results[13].status == 503
        assert results[13].retry_after > 0
        assert "SIGSEGV" not in results[13].detail

    def test_each_is_tried_alone_once_and_poison_never_a_third_time(self):
        patient = Patient()

        patient.serve(lambda b: outcomes([ask(b, [row]) for row in (1, "crash", 2)]))

        assert patient.seen == [[1, "crash", 2], [1], ["crash"], [2]]
        assert patient.log.deaths == [("crash", 0)] * 2
        assert [reason for _, reason in patient.log.releases] == ["idle", *["alone"] * 3]

    def test_a_lone_request_gets_a_second_chance(self):
        """It may have been the neighbor's fault that memory ran out."""
        patient = Patient()
        died = iter([ModelDied("was killed: out of memory")])

        def call(batch):
            for error in died:
                raise error
            return batch

        patient.executors[0].model = lambda batch: batch if "warm" in batch else call(batch)
        patient.taken = 0.01

        assert patient.serve(lambda b: ask(b, [1])) == [1]

    def test_where_it_is_not_harmless_nobody_is_tried_again(self):
        patient = Patient()

        results = patient.serve(
            lambda b: outcomes([ask(b, [row]) for row in (1, "crash", 2)]), idempotent=False
        )

        assert kinds(results) == [ModelDied] * 3
        assert patient.seen == [[1, "crash", 2]]

    def test_the_queue_waits_for_the_next_process(self):
        patient = Patient()

        async def scenario(batcher):
            crash = ask(batcher, ["crash"])
            await asyncio.sleep(0.02)
            assert not patient.executors[0].is_ready
            queued = [ask(batcher, [n]) for n in range(100)]
            return await outcomes([crash, *queued])

        results = patient.serve(scenario, max_batch_size=64)

        assert kinds(results) == [ModelDied, *(one(n) for n in range(100))]
        assert patient.seen == [["crash"], ["crash"], list(range(64)), list(range(64, 100))]

    def test_deadlines_hold_while_there_is_no_process(self):
        patient = Patient()

        async def scenario(batcher):
            crash = ask(batcher, ["crash"])
            await asyncio.sleep(0.02)
            began = batcher._clock()
            late = ask(batcher, [1], deadline=began + 0.5)
            patient_one = ask(batcher, [2], deadline=began + 10)
            results = await outcomes([late])
            assert batcher._clock() == pytest.approx(began + 0.5)
            return results + await outcomes([crash, patient_one])

        assert kinds(patient.serve(scenario)) == [DeadlineExceeded, ModelDied, one(2)]

    def test_of_a_split_request_only_the_part_that_was_lost_runs_again(self):
        patient = Patient()
        died = iter([ModelDied("was killed")])

        def call(batch):
            if 9 in batch:
                for error in died:
                    raise error
            return patient.call(batch)

        patient.executors[0].model = call

        answer = patient.serve(lambda b: ask(b, list(range(20)), 20), max_batch_size=8)

        assert answer == [("answer", n) for n in range(20)]
        assert patient.seen[0] == list(range(8))
        assert sorted(row for rows in patient.seen for row in rows) == list(range(20))

    def test_those_that_have_left_are_not_tried_again(self):
        patient = Patient()

        async def scenario(batcher):
            asked = [ask(batcher, [row]) for row in (1, "crash", 2)]
            await asyncio.sleep(0.001)
            asked[0].cancel()
            return await outcomes(asked[1:])

        assert kinds(patient.serve(scenario)) == [ModelDied, one(2)]
        assert patient.seen == [[1, "crash", 2], ["crash"], [2]]

    def test_stopping_answers_those_that_still_hope(self):
        patient = Patient()

        async def scenario(batcher):
            asked = [ask(batcher, [row]) for row in (1, "crash")]
            await asyncio.sleep(0.02)
            await batcher.stop(drain=False)
            return await outcomes(asked)

        assert kinds(patient.serve(scenario)) == [Overloaded] * 2


class TestSeveral:
    def test_as_many_batches_run_as_there_are_executors(self):
        patient = Patient(executors=3)

        async def scenario(batcher):
            began = batcher._clock()
            await outcomes([ask(batcher, [n], key=n) for n in range(3)])
            return batcher._clock() - began

        assert patient.serve(scenario) == pytest.approx(0.0052, abs=1e-6)

    def test_the_one_that_was_used_last_is_used_again(self):
        patient = Patient(executors=3)

        async def scenario(batcher):
            before = [len(executor.batches) for executor in patient.executors]
            for n in range(5):
                await ask(batcher, [n])
            after = [len(executor.batches) for executor in patient.executors]
            return sorted(b - a for a, b in zip(before, after, strict=True))

        assert patient.serve(scenario) == [0, 0, 5]

    def test_poison_endangers_one_process_at_a_time_and_the_others_go_on(self):
        patient = Patient(executors=2)

        async def scenario(batcher):
            crashes = [ask(batcher, ["crash"]) for _ in range(4)]
            await asyncio.sleep(0.02)
            began = batcher._clock()
            others = [await ask(batcher, [n]) for n in range(20)]
            seconds = batcher._clock() - began
            return others, seconds, await outcomes(crashes)

        others, seconds, crashes = patient.serve(scenario)

        assert seconds < RESTART

        assert others == [one(n) for n in range(20)]
        assert kinds(crashes) == [ModelDied] * 4
        assert len(patient.log.deaths) == 1 + 4

    def test_nothing_is_lost_when_all_are_gone(self):
        patient = Patient(executors=2)

        async def scenario(batcher):
            for executor in patient.executors:
                executor.is_ready = False
            asked = [ask(batcher, [n], deadline=batcher._clock() + 20) for n in range(10)]
            await asyncio.sleep(5)
            assert patient.seen == []
            for executor in patient.executors:
                executor.live()
            return await outcomes(asked)

        assert kinds(patient.serve(scenario)) == [one(n) for n in range(10)]


class TestHang:
    def test_a_batch_is_ended_after_the_time_that_any_request_has(self):
        patient = Patient()

        async def scenario(batcher):
            began = batcher._clock()
            results = await outcomes([ask(batcher, ["hang"], deadline=began + HANG)])
            await asyncio.sleep(1)
            return results, patient.kills[0] - began

        (result,), at = patient.serve(scenario)

        assert isinstance(result, DeadlineExceeded)
        assert at == pytest.approx(HANG, abs=0.3)
        assert patient.log.deaths == [("hang", 0)]

    def test_a_slow_batch_is_left_alone_while_somebody_wants_it_and_nobody_else_waits(self):
        patient = Patient()
        patient.seconds = lambda rows: 5.0 if patient.seen[1:] else 0.005

        async def scenario(batcher):
            await ask(batcher, [1])
            return await ask(batcher, [2], deadline=batcher._clock() + HANG)

        assert patient.serve(scenario) == one(2)
        assert patient.kills == []

    def test_when_nobody_wants_it_any_more_it_is_ended_soon(self):
        patient = Patient()

        async def scenario(batcher):
            began = batcher._clock()
            gone = ask(batcher, ["hang"])
            await asyncio.sleep(0.01)
            gone.cancel()
            await asyncio.sleep(5)
            return patient.kills[0] - began

        predicted = 20 * 0.0052 + 1.0
        assert patient.serve(scenario) == pytest.approx(predicted, abs=0.5)

    def test_the_mates_of_a_hang_are_answered_and_the_guilty_gets_504(self):
        patient = Patient()

        async def scenario(batcher):
            began = batcher._clock()
            asked = [ask(batcher, [row], deadline=began + HANG) for row in (1, "hang", 2)]
            results = await outcomes(asked)
            return results, [at - began for at in patient.kills]

        results, kills = patient.serve(scenario)

        assert kinds(results) == [one(1), DeadlineExceeded, one(2)]
        assert results[1].status == 504
        assert kills[0] == pytest.approx(HANG / 6, abs=0.3)
        assert kills[1] == pytest.approx(HANG / 3 + RESTART, abs=0.6)
        assert patient.log.deaths == [("hang", 0)] * 2

    def test_a_lone_hang_does_not_keep_others_waiting_for_long(self):
        patient = Patient()

        async def scenario(batcher):
            began = batcher._clock()
            guilty = ask(batcher, ["hang"], deadline=began + HANG)
            await asyncio.sleep(0.01)
            other = ask(batcher, [1], deadline=began + HANG)
            results = await outcomes([guilty, other])
            return results, batcher._clock() - began

        results, seconds = patient.serve(scenario)

        assert kinds(results) == [DeadlineExceeded, one(1)]
        assert seconds < HANG

    def test_where_nothing_is_known_only_the_last_limit_holds(self):
        patient = Patient()

        async def main(loop):
            batcher = Batcher(patient.executors, Rows(), Limits(hang=HANG), clock=loop.time)
            await batcher.start()
            asked = [ask(batcher, [row]) for row in (1, "hang")]
            await asyncio.sleep(HANG - 1)
            assert patient.kills == []
            await asyncio.sleep(2)
            assert len(patient.kills) >= 1
            await batcher.stop(drain=False)
            await outcomes(asked)

        simulate(main)

    def test_a_thread_that_hangs_is_complained_about_once(self, caplog):
        caplog.set_level(logging.ERROR, logger="modelbundle.runtime")
        patient = Patient()
        patient.executors[0].restart = None

        async def scenario(batcher):
            asked = [ask(batcher, [row], deadline=HANG) for row in (1, "hang")]
            results = await outcomes(asked)
            await asyncio.sleep(100)
            await batcher.stop(drain=False)
            return results

        assert kinds(patient.serve(scenario)) == [DeadlineExceeded] * 2
        assert caplog.text.count("has run for") == 1


class TestStop:
    def test_draining_ends_with_the_last_deadline_where_the_model_never_comes_back(self):
        patient = Patient()
        patient.executors[0].restart = 1e6

        async def scenario(batcher):
            began = batcher._clock()
            lost = [ask(batcher, [row], deadline=began + 10) for row in ("crash", 2)]
            await asyncio.sleep(1)
            queued = ask(batcher, [3], deadline=began + 20)
            await batcher.stop()
            return batcher._clock() - began, await outcomes([*lost, queued])

        seconds, results = patient.serve(scenario)

        assert seconds == pytest.approx(20, abs=0.1)
        assert kinds(results) == [DeadlineExceeded] * 3
