"""BenchRequests: the recorded samples as requests, with the answers that are right."""

import json

from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.benching.subject.bench_request import (
    MOST,
    BenchRequest,
    BenchRequests,
    of_samples,
)
from modelbundle.runtime.data.samples import Samples


@given(st.integers(1, 100), st.integers(1, 40))
def test_each_row_stands_beside_its_own_answer(recorded, rows):
    samples = Samples("predict", [[n] for n in range(recorded)], [n * 10 for n in range(recorded)])

    found = of_samples(samples, rows)

    assert len(found) == min(MOST, recorded)
    for number, bench_request in enumerate(found):
        asked = json.loads(bench_request.body)["instances"]
        assert asked[0] == [number]
        assert len(asked) == rows
        assert json.loads(bench_request.answer)["predictions"] == [row[0] * 10 for row in asked]


def test_answers_that_are_not_one_a_row_are_asked_for_as_a_whole():
    requests = BenchRequests(Samples("predict", [1, 2, 3], [6]))

    assert not requests.is_scalable
    assert requests.rows(50) == 3
    (one,) = requests.of(50)
    assert json.loads(one.body) == {"instances": [1, 2, 3]}
    assert json.loads(one.answer) == {"predictions": [6]}


def test_a_given_body_is_sent_as_it_is_and_its_rows_are_counted():
    text = BenchRequests(given=BenchRequest(b"hello", "text/plain"))
    rows = BenchRequests(given=BenchRequest(b'{"instances": [1, 2]}'))

    assert (text.rows(8), rows.rows(8)) == (1, 2)
    assert not text.is_recorded
    request = text.of(8)[0].encode("127.0.0.1:80", "/x")
    assert request.startswith(b"POST /x HTTP/1.1\r\nhost: 127.0.0.1:80\r\n")
    assert request.endswith(b"content-type: text/plain\r\ncontent-length: 5\r\n\r\nhello")


@given(st.binary(), st.none() | st.binary())
def test_a_question_survives_its_way_to_the_generator(body, answer):
    bench_request = BenchRequest(body, "a/b", answer, 0.5, 0.25)

    assert BenchRequest.from_json(json.loads(json.dumps(bench_request.to_json()))) == bench_request
