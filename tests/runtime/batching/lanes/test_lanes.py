"""Lanes of many kinds of rows: what is known of each, and what it costs to look at them."""

import pytest

from modelbundle.runtime.batching.lanes.lanes import Lanes
from modelbundle.runtime.batching.lanes.ranked_lane import RankedLane
from modelbundle.runtime.batching.lanes.ranked_lanes import RankedLanes
from modelbundle.runtime.batching.policy.window import Limits, Window
from modelbundle.runtime.batching.request import Request

MANY = 1000


def filled(lanes, count):
    """Each with one request, and its cost known."""
    for key in range(count):
        lane = lanes[key]
        lane.window.observe(1, 0.01)
        lane.push(Request(None, 1))
        lanes.enlist(lane)
    return lanes


@pytest.mark.parametrize("count", [1, 20, MANY])
def test_the_work_of_many_lanes_is_estimated_from_some_of_them(count):
    assert filled(Lanes(Limits()), count).duration() == pytest.approx(0.01 * count)


@pytest.mark.parametrize("count", [20, MANY])
@pytest.mark.parametrize("kind", [Lanes, RankedLanes])
def test_so_is_that_of_the_others(kind, count):
    lanes = filled(kind(Limits(priorities=True)), count)
    lane = lanes[count - 1]

    assert lanes.others(lane, Request(None, 1)) == pytest.approx(0.01 * count, rel=0.1)


def test_of_many_lanes_few_are_looked_at(monkeypatch):
    """A client may send as many shapes as there is room for, and each refusal asks for the work."""
    lanes, looked_at = filled(RankedLanes(Limits(priorities=True)), MANY), []
    for cls, name in ((Window, "duration"), (RankedLane, "ahead")):
        plain = getattr(cls, name)
        monkeypatch.setattr(cls, name, lambda *of, plain=plain: looked_at.append(of) or plain(*of))

    lanes.duration()
    lanes.others(lanes[0], Request(None, 1))

    assert 2 < len(looked_at) < 100
