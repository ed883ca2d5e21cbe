"""What is known of how much of the batches is left to a class of requests."""

from modelbundle.runtime.batching.lanes.fair_queue import RECENT
from modelbundle.runtime.batching.lanes.lane import Backlog
from modelbundle.runtime.batching.lanes.ledger import Ledger
from modelbundle.runtime.batching.lanes.ranked_lane import RankedLane
from modelbundle.runtime.batching.policy.cost import CostModel
from modelbundle.runtime.batching.policy.window import Limits, Window
from modelbundle.runtime.batching.request import Request

LATE = 10.0  # seconds


class Patient:
    """Gives nobody up."""

    def drop(self, request):
        raise AssertionError(request)

    def is_hopeless(self, lane, request, queued):
        return False

    def give_up(self, request):
        raise AssertionError(request)


def lane_of(**queued):
    """A lane in which requests of one row wait: `high` of priority 0, `low` of 3."""
    limits = Limits(max_batch_size=4, priorities=True)
    lane = RankedLane(None, Window(limits, CostModel()), Backlog(), limits, Ledger())
    for name, priority in (("high", 0), ("low", 3)):
        for _ in range(queued.get(name, 0)):
            request = Request([0], 1, 0, None, priority)
            request.arrived = 0.0 if name == "low" else LATE
            lane.push(request)
    return lane


def test_what_a_class_gets_out_of_turn_counts():
    """Half a batch, after it has waited for long."""
    lane = lane_of(low=5, high=5)
    batch = lane.take(4, "full", LATE, Patient())
    assert [request.priority for request in batch.requests] == [3, 3, 0, 0]
    assert [queue.share for queue in lane.queues()] == [1 - RECENT / 2] * 2


def test_what_nobody_took_was_there_for_all():
    lane = lane_of(low=1, high=1)
    lane.take(4, "idle", LATE, Patient())
    assert [queue.share for queue in lane.queues()] == [1 - RECENT / 4] * 2


def test_a_class_that_got_nothing_is_taken_to_get_a_row_of_each_batch():
    lane = lane_of(low=1)
    for _ in range(1000):
        lane.miss()
    pause = (4 - 1) * 4 / 2
    assert lane.equivalent(Request([0], 1, 0, None, 3)) == pause + 4 * (1 + 1)
