"""Two looks at /metrics, and what was counted between them."""

import math

from modelbundle.bundler.benching.subject.scrape import Scrape

TEXT = """
# TYPE rows histogram
rows_bucket{{queue="a",le="1.0"}} {a1}
rows_bucket{{queue="a",le="+Inf"}} {a2}
rows_sum{{queue="a"}} {asum}
rows_count{{queue="a"}} {a2}
rows_bucket{{queue="b",le="1.0"}} 1
rows_bucket{{queue="b",le="+Inf"}} 1
rows_sum{{queue="b"}} 1
rows_count{{queue="b"}} 1
# TYPE waiting gauge
waiting 7
"""


def test_counters_are_differences_and_gauges_are_not():
    before = Scrape.of(TEXT.format(a1=1, a2=3, asum=5))
    after = Scrape.of(TEXT.format(a1=2, a2=9, asum=45))

    since = after.since(before)

    one = since.histogram("rows", queue="a")
    assert one.bounds == (1.0, math.inf)
    assert one.counts == (1, 5)
    assert one.mean == 40 / 6
    assert since.histogram("rows", queue="b").count == 0
    assert since.histogram("rows", queue="b").mean == 0
    assert since.total("waiting") == 7
    assert since.labels("rows_count", "queue") == ["a", "b"]


def test_histograms_of_several_series_add_up():
    both = Scrape.of(TEXT.format(a1=1, a2=3, asum=5)).histogram("rows")

    assert both.counts == (2, 2)
    assert both.sum == 6


def test_a_server_without_numbers_has_none(peer, say):
    with peer(lambda *_: say(b"nope", 404)) as server:
        assert Scrape.take(f"http://127.0.0.1:{server.port}") is None
    with peer(lambda *_: say(TEXT.format(a1=1, a2=1, asum=1).encode())) as server:
        taken = Scrape.take(f"http://127.0.0.1:{server.port}")
    assert taken.total("rows_sum") == 2
    assert server.requests[0].startswith(b"GET /metrics ")
