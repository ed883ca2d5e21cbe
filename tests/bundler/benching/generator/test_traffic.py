"""Traffic: what comes back is what is counted, whatever the server does."""

import os
import time

import pytest

from modelbundle.bundler.benching.generator.checker import Checker
from modelbundle.bundler.benching.generator.load import Load
from modelbundle.bundler.benching.generator.traffic import Traffic

SHORT = {"warm": 0.0, "timeout": 5.0}


@pytest.fixture
def traffic(bench_request):
    def run(peer, load, stop=None):
        address = ("127.0.0.1", peer.port)
        request = bench_request.encode("127.0.0.1", "/predict")
        return Traffic(address, [request], Checker([bench_request]), load, stop).run()

    return run


def test_every_client_of_a_closed_loop_keeps_its_connection(peer, say, traffic):
    with peer(lambda *_: say()) as server:
        tally = traffic(server, Load(clients=4, seconds=0.3, **SHORT))

    assert server.connections == 4
    assert tally.statuses == {200: len(server.requests)}
    assert len(tally.ok) == len(server.requests) == tally.answered
    assert 0 < tally.finished <= len(tally.ok)
    assert (tally.errors, tally.wrong) == (0, 0)
    assert server.requests[0].startswith(b"POST /predict HTTP/1.1\r\n")


def test_a_number_of_requests_is_asked_exactly(peer, say, traffic):
    with peer(lambda *_: say()) as server:
        tally = traffic(server, Load(clients=3, seconds=60, count=10, **SHORT))

    assert len(server.requests) == tally.asked == 10


def test_wrong_answers_are_counted_each(peer, say, traffic):
    def behave(number, _):
        return say(b'{"predictions":[2]}') if number % 2 else say()

    with peer(behave) as server:
        tally = traffic(server, Load(clients=1, seconds=60, count=10, **SHORT))

    assert tally.wrong == 5
    assert tally.differences == ["predictions[0]: expected 1, got 2"]


def test_refusals_are_no_good_answers_and_their_words_are_kept(peer, say, traffic):
    def behave(number, _):
        return say(b'{"error":"full"}', 503) if number % 2 else say()

    with peer(behave) as server:
        tally = traffic(server, Load(clients=1, seconds=60, count=10, **SHORT))

    assert tally.statuses == {200: 5, 503: 5}
    assert (len(tally.ok), len(tally.refused), tally.errors) == (5, 5, 5)
    assert tally.notes == {"503": '{"error":"full"}'}


def test_a_server_that_closes_each_time_is_connected_to_again(peer, say, traffic):
    with peer(lambda *_: say(head=b"connection: close\r\n")) as server:
        tally = traffic(server, Load(clients=2, seconds=60, count=6, **SHORT))

    assert (tally.statuses, server.connections) == ({200: 6}, 6)


def test_an_answer_in_chunks_and_in_pieces_is_read(peer, traffic):
    def behave(_, transport):
        transport.write(b"HTTP/1.1 200 OK\r\ntransfer-enc")
        time.sleep(0.02)
        transport.write(b'oding: chunked\r\n\r\n5\r\n{"pre\r\na\r\ndictions":')
        time.sleep(0.02)
        return b"\r\n4\r\n[1]}\r\n0\r\n\r\n"

    with peer(behave) as server:
        tally = traffic(server, Load(clients=1, seconds=60, count=2, **SHORT))

    assert (tally.statuses, tally.wrong, tally.troubles) == ({200: 2}, 0, {})


def test_a_connection_that_breaks_is_a_reset(peer, say, traffic):
    with peer(lambda number, _: b"" if number == 1 else say()) as server:
        tally = traffic(server, Load(clients=1, seconds=60, count=4, **SHORT))

    assert (tally.statuses, tally.troubles) == ({200: 3}, {"reset": 1})


def test_nobody_there_is_told_and_ends(traffic):
    class Nobody:
        port = 1

    tally = traffic(Nobody, Load(clients=2, seconds=0.1, **SHORT))

    assert set(tally.troubles) == {"connect"}
    assert tally.errors == tally.asked < 100, "they do not hammer at a closed door"


def test_what_is_no_http_is_said(peer, traffic):
    with peer(lambda *_: b"SSH-2.0\r\n\r\n") as server:
        tally = traffic(server, Load(clients=1, seconds=60, count=1, **SHORT))

    assert tally.troubles == {"protocol": 1}
    assert "SSH-2.0" in tally.notes["protocol"]


def test_clients_of_a_silent_server_leave(peer, traffic):
    with peer(lambda *_: None) as server:
        tally = traffic(server, Load(clients=3, seconds=0.05, warm=0.0, timeout=0.2))

    assert tally.troubles == {"timeout": 3}


def test_an_open_loop_counts_from_when_a_request_was_due(peer, say, traffic):
    def behave(number, _):
        if number == 20:
            time.sleep(0.5)  # the server stalls, and others come meanwhile
        return say()

    with peer(behave) as server:
        tally = traffic(server, Load(clients=512, rate=400, seconds=1.0, seed=3, **SHORT))

    late = [value for value in tally.ok.sorted() if value > 0.1]
    assert tally.statuses == {200: len(server.requests)}
    assert len(late) > 50, "a closed loop would have seen one slow answer"
    assert 250 < len(tally.ok) < 550
    assert len(tally.lags) == len(tally.ok)


def test_an_open_loop_without_free_clients_gives_requests_up(peer, traffic):
    with peer(lambda *_: None) as server:
        tally = traffic(server, Load(clients=2, rate=100, seconds=0.3, warm=0.0, timeout=0.2))

    assert tally.troubles["timeout"] >= 2
    assert tally.troubles["unsent"] > 5


def test_a_round_can_be_cut(peer, say, traffic):
    ours, theirs = os.pipe()

    def behave(number, _):
        if number == 10:
            os.write(theirs, b"stop\n")
        return say()

    try:
        with peer(behave) as server:
            tally = traffic(server, Load(clients=2, seconds=60, **SHORT), ours)
    finally:
        os.close(ours)
        os.close(theirs)

    assert tally.is_cut
    assert 0 < tally.seconds < 60
    assert tally.finished > 0
