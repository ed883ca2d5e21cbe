import pytest

from modelbundle.runtime.errors import BadPayload
from modelbundle.runtime.http.request.queue_headers import QueueHeaders
from modelbundle.runtime.manifests.settings import QueueSettings


def standing(**queue):
    return QueueHeaders(QueueSettings(**queue))


@pytest.mark.parametrize(("said", "priority"), [(b"0", 0), (b"3", 3), (b" 2 ", 2)])
def test_the_header_says_how_urgent_it_is(said, priority):
    assert standing(priorities=True).priority({b"x-priority": said}) == priority


def test_nothing_said_is_neither_urgent_nor_unimportant():
    assert standing(priorities=True).priority({}) == 1


@pytest.mark.parametrize("said", [b"", b"4", b"-1", b"1.0", b"high", b"\xff", b"1" * 1000])
def test_anything_else_is_refused(said):
    with pytest.raises(BadPayload, match="from 0, the most urgent, to 3"):
        standing(priorities=True).priority({b"x-priority": said})


def test_where_priorities_do_not_count_nobody_reads_them():
    assert standing().priority({b"x-priority": b"high"}) == 1


def test_a_client_is_an_address_or_what_a_header_says_or_anybody():
    headers = {b"x-api-key": b"secret"}

    assert standing().client(headers, "10.0.0.1") is None
    assert standing(fairness="address").client(headers, "10.0.0.1") == "10.0.0.1"
    assert standing(fairness="header:X-Api-Key").client(headers, "10.0.0.1") == b"secret"
    assert standing(fairness="header:X-Api-Key").client({}, "10.0.0.1") is None


@pytest.fixture(name="ranked", scope="module")
def a_server_where_it_counts(make_server):
    return make_server(queue={"priorities": True, "fairness": "header:X-Api-Key"})


@pytest.mark.parametrize("said", ["0", "3"])
def test_a_server_answers_whatever_the_priority(ranked, said):
    answer = ranked.post([[1, 2]], headers={"x-priority": said, "x-api-key": "a"})

    assert (answer.status_code, answer.json()) == (200, {"predictions": [3.0]})


def test_a_server_refuses_what_is_no_priority(ranked):
    answer = ranked.post([[1, 2]], headers={"x-priority": "high"})

    assert answer.status_code == 400
    assert "X-Priority" in answer.json()["error"]


def test_a_server_where_it_does_not_count_takes_anything(server):
    assert server.post([[1, 2]], headers={"x-priority": "high"}).status_code == 200
