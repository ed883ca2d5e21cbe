from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.batching.policy.cost import CostModel
from modelbundle.runtime.batching.policy.window import REGROW, Limits, Returns, Window


def window(alpha=0.005, beta=0.0002, **limits):
    cost = CostModel()
    for rows in [1, 2, 4, 8, 16, 32, 64] * 3:
        cost.observe(rows, alpha + beta * rows)
    return Window(Limits(**limits), cost)


class TestSize:
    def test_nothing_known_is_no_reason_for_small_batches(self):
        assert Window(Limits(max_batch_size=64), CostModel()).limit == 64

    def test_the_budget_caps_the_batch(self):
        assert window(max_batch_size=64, latency_budget=0.0151).limit == pytest.approx(50, abs=2)

    def test_a_budget_that_one_row_breaks_still_lets_a_batch_take_twice_as_long(self):
        """A model of 60 ms under a budget of 50 would else run row by row."""
        assert window(alpha=0.06, beta=0.001, latency_budget=0.05).limit == pytest.approx(62, abs=2)
        assert window(alpha=0.0, beta=0.06, latency_budget=0.05).limit == 2

    def test_calls_that_all_take_longer_are_no_reason_for_small_batches(self):
        """As on a machine that is busy otherwise: 64 rows take no longer than one."""
        subject = window(alpha=0.0005, beta=0.000005)
        sizes = []
        for _ in range(100):
            sizes.append(subject.limit)
            subject.observe(subject.limit, 0.25)

        assert sum(size < 64 for size in sizes) <= 10
        assert sizes[30:] == [64] * 70

    def test_rows_that_take_longer_are_a_reason_at_once(self):
        subject = window(alpha=0.0005, beta=0.000005)
        for _ in range(30):
            subject.observe(subject.limit, 0.0005 + 0.005 * subject.limit)

        assert 5 <= subject.limit <= 10, "what the budget of 50 ms allows"

    def test_one_row_is_always_taken(self):
        assert window(alpha=10.0, beta=10.0, latency_budget=0.0).limit >= 1

    def test_requests_that_cannot_be_merged_run_one_by_one(self):
        assert window(mergeable=False).limit == 1

    def test_half_as_many_after_memory_ran_out_and_more_again_much_later(self):
        subject = window(max_batch_size=64)
        subject.ran_out_of_memory(64)

        assert subject.limit == 32

        for _ in range(REGROW):
            subject.observe(32, 0.0114)

        assert subject.limit == 64

    def test_memory_for_one_row_is_the_least(self):
        subject = window()
        subject.ran_out_of_memory(1)

        assert subject.limit == 1

    def test_the_oldest_gets_a_smaller_batch_if_that_still_helps_it(self):
        subject = window(max_batch_size=64)

        assert subject.size(40, slack=inf) == 64
        assert subject.size(40, slack=0.009) == pytest.approx(20, abs=2)
        assert subject.size(40, slack=0.001) == 64, "too late for any size"
        assert subject.size(80, slack=0.009) == 64, "a full queue is not shortened by small batches"


class TestLearning:
    def test_a_quick_model_is_learned_from_now_and_then(self):
        subject = Window(Limits(), CostModel())
        for _ in range(64 + 7 * 10):
            subject.observe(1, 0.0001)
        assert subject.cost.count == 64 + 10

    def test_one_that_becomes_slow_is_followed(self):
        subject = Window(Limits(latency_budget=0.05), CostModel())
        for turn in range(1000):
            subject.observe(1 + turn % 64, 0.0001)
        assert subject.limit == 64
        for turn in range(1000):
            subject.observe(1 + turn % 64, 0.002 * (1 + turn % 64))
        assert subject.limit == pytest.approx(20, abs=5)


class TestAdmission:
    def test_duration_counts_full_batches_and_the_rest(self):
        subject = window(max_batch_size=64, latency_budget=1)

        assert subject.duration(0) == 0
        assert subject.duration(64) == pytest.approx(0.0178, rel=0.01)
        assert subject.duration(138) == pytest.approx(2 * 0.0178 + 0.007, rel=0.01)

    def test_a_wait_must_leave_headroom(self):
        assert Window.admits(0.08, 0.1)
        assert not Window.admits(0.09, 0.1)

    def test_the_oldest_is_given_up_only_for_others_and_only_if_it_would_be_late(self):
        subject = window(max_batch_size=64, latency_budget=1)

        assert not subject.is_hopeless(1, 1, slack=-1), "the last one is always tried"
        assert subject.is_hopeless(64, 1, slack=0.017), "a full batch takes 17.8 ms"
        assert not subject.is_hopeless(64, 1, slack=0.019)
        assert not subject.is_hopeless(40, 1, slack=0.006), "a small batch makes it"
        assert subject.is_hopeless(40, 1, slack=0.005), "nothing does"
        assert not subject.is_hopeless(64, 1, slack=inf)


class TestReturns:
    def feed(self, returns, delays, rounds, gap=0.02):
        now = 0.0
        for _ in range(rounds):
            returns.answered(now, 4)
            for delay in delays:
                returns.arrived(now + delay, 1, horizon=0.0025)
            now += gap
        returns.answered(now, 4)
        return now

    def test_clients_that_come_straight_back_are_expected(self):
        returns = Returns()
        now = self.feed(returns, [0.0002, 0.0003, 0.0004, 0.0003], rounds=5)

        assert returns.share == 1.0
        assert returns.delay == pytest.approx(0.0003)
        assert returns.expected() == 4
        assert returns.until() == pytest.approx(now + 0.0015)

        returns.arrived(now + 0.0001, 3, horizon=0.0025)

        assert returns.expected() == 1

    def test_clients_that_think_are_not(self):
        returns = Returns()
        self.feed(returns, [0.01, 0.011, 0.012, 0.013], rounds=20)

        assert returns.share == 0.0
        assert returns.expected() == 0

    def test_half_of_them_are_not_enough(self):
        returns = Returns()
        self.feed(returns, [0.0002, 0.0003], rounds=20)

        assert returns.share == pytest.approx(0.5)
        assert returns.expected() == 0

    def test_parts_of_a_batch_answered_at_one_time_are_one_answer(self):
        returns = Returns()
        returns.answered(1.0, 3)
        returns.answered(1.0, 2)
        for _ in range(5):
            returns.arrived(1.0001, 1, horizon=0.0025)
        returns.answered(2.0, 1)

        assert returns.share == 1.0


class TestHold:
    def steady(self, subject, clients=16):
        """`clients` that came straight back, several times."""
        now = 0.0
        for _ in range(6):
            subject.returns.answered(now, clients)
            for index in range(clients):
                subject.arrived(now + 0.0002 + 0.00001 * index, 1)
            now += 0.02
        subject.returns.answered(now, clients)
        return now

    def test_the_first_to_return_waits_for_the_others(self):
        subject = window()
        now = self.steady(subject) + 0.0002
        subject.arrived(now, 1)

        assert 0 < subject.hold(now, queued=1, age=0.0, slack=inf) < 0.0015

    def test_no_longer_than_three_mean_return_times(self):
        subject = window()
        now = self.steady(subject) + 0.002

        assert subject.hold(now, queued=1, age=0.0, slack=inf) == 0

    def test_not_when_all_are_back(self):
        subject = window()
        now = self.steady(subject) + 0.0003
        for _ in range(16):
            subject.arrived(now, 1)

        assert subject.hold(now, queued=16, age=0.0, slack=inf) == 0

    def test_not_when_the_batch_is_full(self):
        subject = window(max_batch_size=8)
        now = self.steady(subject) + 0.0002

        assert subject.hold(now, queued=8, age=0.0, slack=inf) == 0

    def test_not_for_strangers(self):
        assert window().hold(1.0, queued=1, age=0.0, slack=inf) == 0

    def test_not_when_a_return_takes_long_beside_the_fixed_cost_of_a_batch(self):
        subject = window(alpha=0.0008)
        now = self.steady(subject) + 0.0002

        assert subject.hold(now, queued=1, age=0.0, slack=inf) == 0

    def test_not_when_it_costs_those_here_more_than_it_saves_those_to_come(self):
        subject = window(max_batch_size=512)
        now = self.steady(subject, clients=2) + 0.0002

        assert subject.hold(now, queued=400, age=0.0, slack=inf) == 0

    def test_not_past_a_deadline_or_the_budget(self):
        subject = window()
        now = self.steady(subject) + 0.0002

        assert subject.hold(now, queued=1, age=0.0, slack=0.008) == 0
        assert subject.hold(now, queued=1, age=0.049, slack=inf) == 0


@given(
    st.integers(1, 200), st.floats(-1, 1), st.floats(0, 1), st.floats(1e-5, 1), st.floats(0, 0.01)
)
def test_any_state_gives_a_size_within_the_limits_and_a_wait_within_the_budget(
    queued, slack, age, alpha, beta
):
    subject = window(alpha, beta, max_batch_size=64, latency_budget=0.05)
    subject.returns.answered(0.0, 30)
    subject.arrived(0.0, 1)

    assert 1 <= subject.limit <= 64
    assert 1 <= subject.size(queued, slack) <= 64
    assert 0 <= subject.hold(0.0001, queued, age, slack) <= 0.05
