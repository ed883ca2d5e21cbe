"""A run from the first look to the advice, and a duel, against servers of the test's own."""

import json

import pytest

from modelbundle.bundler.benching.bench import Bench
from modelbundle.bundler.benching.bench_plan import BenchPlan
from modelbundle.bundler.benching.paired_run import PairedRun
from modelbundle.bundler.benching.rate import Rate
from modelbundle.bundler.benching.run import Run
from modelbundle.bundler.benching.subject.bench_request import BenchRequests
from modelbundle.bundler.benching.subject.subject import Knobs, Subject
from modelbundle.bundler.progress import NullProgress
from modelbundle.runtime.data.samples import Samples
from modelbundle.runtime.errors import BundleError

SAMPLES = Samples("predict", [[1], [2]], [2, 4])
WISH = BenchPlan(clients=(1, 2), seconds=0.2, timeout=2.0, rounds=2)


class Doubler:
    """Answers as the samples say, until `fails` says what else."""

    def __init__(self, say, fails=lambda number: None):
        self.say = say
        self.fails = fails
        self.asked = 0

    def __call__(self, number, transport):
        body = json.loads(transport_body(transport, number))
        self.asked += 1
        wrong = self.fails(self.asked)
        if wrong is not None:
            return wrong
        rows = [row[0] * 2 for row in body["instances"]]
        return self.say(json.dumps({"predictions": rows}).encode())


def transport_body(transport, number):
    request = transport.get_protocol().peer.requests[number]
    return request.partition(b"\r\n\r\n")[2] if request.startswith(b"POST") else b'{"instances":[]}'


def subject(server, name="it"):
    url = f"http://127.0.0.1:{server.port}"
    return Subject(name, url, "/predict", BenchRequests(SAMPLES), knobs=Knobs(4, 0.05, 1))


def run(server, plan=WISH):
    with Bench(subject(server)) as bench:
        return Run(bench, plan, NullProgress(), cpus=2).go()


def test_every_load_is_a_round_and_the_cost_is_fitted_from_answers(peer, say):
    plan = BenchPlan(clients=(1, 4), rates=(Rate(0.5, is_share=True),), seconds=0.2, rows=2)
    with peer(Doubler(say)) as server:
        report = run(server, plan)

    assert [one.load.label.partition(":")[0] for one in report.rounds] == [
        "1 client", "4 clients", "50%",
    ]  # fmt: skip
    data = report.to_json()
    assert data["ok"]
    assert data["capacity"] == max(one["requests_per_second"] for one in data["rounds"][:2])
    assert data["cost"]["source"] == "answers"
    assert [point["rows"] for point in data["cost"]["points"]] == [1, 2, 4]
    assert data["rounds"][0]["rows_per_second"] > data["rounds"][0]["requests_per_second"]
    assert data["rounds"][0]["server_cpu_us_per_request"] is None, "nobody said whose it is"
    assert json.dumps(data)


def test_a_server_that_answers_its_samples_wrongly_is_not_measured(peer, say):
    with (
        peer(Doubler(say, lambda _: say(b'{"predictions":[7]}'))) as server,
        pytest.raises(BundleError, match=r"wrongly: predictions\[0\]: expected 2, got 7") as error,
    ):
        run(server)
    assert "bundle test" in error.value.hint
    assert len(server.requests) < 10


def test_an_error_is_told_in_the_server_s_words(peer, say):
    with (
        peer(Doubler(say, lambda _: say(b'{"error":"no such field"}', 422))) as server,
        pytest.raises(BundleError, match=r"422: .*no such field"),
    ):
        run(server)


def test_wrong_answers_under_load_are_counted(peer, say):
    def fails(asked):
        return say(b'{"predictions":[7]}') if asked == 30 else None

    with peer(Doubler(say, fails)) as server:
        report = run(server)

    assert report.wrong == 1
    assert not report.to_json()["ok"]
    assert "got 7" in report.differences[0]


def test_a_duel_asks_both_in_turns(peer, say):
    steps = []

    class Steps(NullProgress):
        def step(self, text):
            steps.append(text[:1])

    with (
        peer(Doubler(say)) as first,
        peer(Doubler(say)) as second,
        Bench(subject(first, "a")) as a,
        Bench(subject(second, "b")) as b,
    ):
        report = PairedRun(a, b, BenchPlan(clients=(2,), seconds=0.1, rounds=4), Steps()).go()

    assert steps == list("ABBAABBA")
    data = report.to_json()
    (load,) = data["loads"]
    assert load["load"] == "2 clients"
    assert load["ratios"]["rate"]["pairs"] == 4
    assert len(load["rounds"]) == 4
    assert data["ok"]
