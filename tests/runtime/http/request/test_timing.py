"""A client that asks is told where the time of its request went, on both ways alike."""

import re
import threading

import pytest

ASKED = {"X-Timing": "1"}
ALL = ["parse", "queue", "compute", "encode", "total"]
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def spans(answer):
    """Milliseconds by name, as a browser reads them."""
    entries = answer.headers["server-timing"].split(", ")
    found = [re.fullmatch(r"([a-z]+);dur=(\d+\.\d{3})", entry).groups() for entry in entries]
    return {name: float(ms) for name, ms in found}


def test_nobody_is_told_who_did_not_ask(server):
    for headers in ({}, {"X-Timing": "0"}, {"X-Timing": "yes"}):
        answer = server.post([[1, 2]], headers=headers)
        assert answer.status_code == 200
        assert "server-timing" not in answer.headers
        assert "x-batch-size" not in answer.headers


def test_the_parts_make_the_whole(server):
    with server.client() as client:
        for _ in range(3):  # the third head is a known one
            answer = client.post("/predict", json={"instances": [[-2, 2], [1, 1]]}, headers=ASKED)
    assert answer.headers["x-batch-size"] == "2"
    found = spans(answer)
    assert list(found) == ALL
    total = found.pop("total")
    assert sum(found.values()) == pytest.approx(total, abs=0.005)
    assert found["compute"] >= 400  # it sleeps for half a second


def test_who_shares_a_batch_is_told_its_size(server):
    first = threading.Thread(target=server.post, args=([[-2, 0]],))
    first.start()
    answers = []

    def ask(headers):
        answers.append(server.post([[1, 2], [3, 4]], headers=headers))

    others = [threading.Thread(target=ask, args=(headers,)) for headers in (ASKED, {}, ASKED)]
    for each in others:
        each.start()
    for each in (first, *others):
        each.join()
    sizes = [
        int(each.headers["x-batch-size"]) for each in answers if "x-batch-size" in each.headers
    ]
    assert len(sizes) == 2
    # The first may be among them; after its half second a request may be split in two.
    assert 2 <= max(sizes) <= 7
    assert all(each.json() == {"predictions": [3, 7]} for each in answers)


@pytest.mark.parametrize(
    ("rows", "status", "names"),
    [
        ([], 200, ["total"]),
        ([[1, "x"]], 422, ["total"]),
        ([[-1, 2]], 500, ALL),
        ([[-4, 2]], 500, ALL),
    ],
)
def test_whoever_is_refused_is_told_how_long_that_took(server, rows, status, names):
    answer = server.post(rows, headers=ASKED)
    assert (answer.status_code, list(spans(answer))) == (status, names)


def test_npy_and_many_rows_are_timed_too(server):
    answer = server.post([[1, 2]], headers=ASKED | {"Accept": "application/x-npy"})
    assert list(spans(answer)) == ALL
    answer = server.post([[1, 2]] * 100, headers=ASKED)
    assert int(answer.headers["x-batch-size"]) <= 64
    assert list(spans(answer)) == ALL


def test_always_and_never(make_server):
    always, off = make_server(timing="always"), make_server(timing="off")
    for _ in range(3):
        assert list(spans(always.post([[1, 2]]))) == ALL
        assert "server-timing" not in off.post([[1, 2]], headers=ASKED).headers


def test_a_trace_is_in_the_logs(server):
    for parent in (PARENT, PARENT.replace("4bf9", "00FF"), PARENT):
        headers = {"traceparent": parent, "X-Request-Id": f"traced-{parent[3:7]}"}
        assert server.post([[1, 2]], headers=headers).status_code == 200
    noted = server.noted("traced-4bf9", 2)
    assert [line["trace"] for line in noted] == [PARENT[3:35]] * 2
    assert list(noted[0])[-1] == "trace"
    assert "trace" not in server.noted("traced-00FF")[0]


def test_two_parents_are_none(server):
    headers = [("traceparent", PARENT), ("traceparent", PARENT), ("X-Request-Id", "two-parents")]
    rows = {"instances": [[1, 2]]}
    for _ in range(3):
        with server.client() as client:
            assert client.post("/predict", json=rows, headers=headers).is_success
    noted = server.noted("two-parents", 3)
    assert len(noted) == 3
    assert not any("trace" in line for line in noted)
