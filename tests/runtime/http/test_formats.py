"""Content types over HTTP: what the contract lists is taken and given, and nothing else, both ways."""

import asyncio
import json

import httpx
import numpy as np
import pyarrow as pa
import pytest

from modelbundle.runtime.data import media
from modelbundle.runtime.manifests.signature import Field, Side

from ..conftest import Servers, make_sums, write_bundle, write_model
from ..data import bodies
from .ways import Way, comparable

ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])
BODIES = bodies.of_array(ROWS) | dict(
    [tuple(reversed(bodies.form(("rows", bodies.npy(ROWS), "rows.npy"))))]
)


@pytest.fixture(scope="module")
def contract(server):
    return said(server)


def said(server):
    with server.client() as client:
        return client.get("/openapi.json").json()["paths"]["/predict"]["post"]


def test_every_content_type_of_the_contract_is_taken(server, contract):
    taken = {media.essence(kind): (kind, body) for kind, body in BODIES.items()}
    assert set(contract["requestBody"]["content"]) == set(taken)
    with server.client() as client:
        for kind, body in taken.values():
            answer = client.post("/predict", content=body, headers={"content-type": kind})
            assert (answer.status_code, answer.json()) == (200, {"predictions": [3.0, 7.0]}), kind


def test_every_content_type_of_the_contract_is_given(server, contract):
    given = contract["responses"]["200"]["content"]
    with server.client() as client:
        for kind in given:
            answer = client.post(
                "/predict", json={"instances": ROWS.tolist()}, headers={"accept": kind}
            )
            assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
            assert answer.content
    assert set(given) == set(media.ANSWERS)


@pytest.mark.parametrize(
    "kind", ["image/png", "text/plain", "application/xml", "application/pickle"]
)
def test_what_it_does_not_list_is_415(server, kind):
    answer = httpx.post(
        f"{server.url}/predict",
        content=b"x",
        headers={"content-type": kind},
        timeout=90,
        trust_env=False,
        verify=False,
    )
    assert answer.status_code == 415
    assert "`application/json`" in answer.json()["error"]


def test_who_takes_nothing_of_it_gets_406_and_no_model_runs(server):
    body = {"instances": [[-1, 0]]}  # would fail
    answer = httpx.post(
        f"{server.url}/predict",
        json=body,
        headers={"accept": "text/html"},
        timeout=90,
        trust_env=False,
        verify=False,
    )
    assert answer.status_code == 406
    assert "`application/json`" in answer.json()["error"]


def test_what_the_bundle_does_not_name_is_refused_with_its_name(make_server):
    server = make_server(formats=["arrow"])
    contract = said(server)
    assert media.PARQUET not in contract["requestBody"]["content"]
    assert media.ARROW in contract["requestBody"]["content"]
    with server.client() as client:
        refused = client.post(
            "/predict", content=BODIES[media.PARQUET], headers={"content-type": media.PARQUET}
        )
        assert (refused.status_code, "`parquet`" in refused.json()["error"]) == (415, True)
        none = client.post(
            "/predict", json={"instances": [[1, 2]]}, headers={"accept": media.PARQUET}
        )
        assert none.status_code == 406


def test_hostile_bodies_are_the_clients_fault_and_the_route_lives_on(server):
    with server.client() as client:
        for kind, body in BODIES.items():
            for cut in (body[: len(body) // 2], b"", b"\0" * 64, body + b"x" * 64):
                answer = client.post("/predict", content=cut, headers={"content-type": kind})
                assert answer.status_code < 500, (kind, answer.text)
        answer = client.post("/predict", json={"instances": [[1, 2]]})
        assert answer.json() == {"predictions": [3.0]}


class Texts:
    """Gives a record a row."""

    def predict(self, rows):
        return {
            "sum": rows.sum(axis=1),
            "size": ["big" if row.sum() > 5 else "small" for row in rows],
        }


def requests():
    """Every kind of body with every kind of answer."""
    for kind, body in [*BODIES.items(), (media.PARQUET, b"x"), ("text/plain", b"x")]:
        for accept in (*media.ANSWERS, "text/html", "*/*;q=0.1, text/*"):
            lines = [
                b"POST /predict HTTP/1.1", b"host: x", b"content-type: " + kind.encode(),
                b"accept: " + accept.encode(), b"content-length: %d" % len(body), b"x-request-id: own",
            ]  # fmt: skip
            yield b"\r\n".join(lines) + b"\r\n\r\n" + body


@pytest.mark.parametrize("model", ["array", "records"])
def test_both_ways_say_the_same_to_the_byte(tmp_path, model):
    heard = []
    for http in ("fast", "asgi"):
        directory = tmp_path / http
        if model == "array":
            make_sums(directory, http=http)
        else:
            outputs = Side(
                "tensors", (Field("sum", "float64", (None,)), Field("size", "str", (None,)))
            )
            write_model(directory / "models" / "sums", Texts(), outputs=outputs)
            write_bundle(directory, serve={"http": http})
        heard.append(asyncio.run(answers(directory)))
    assert heard[0] == heard[1]
    assert heard[0].count(b"HTTP/1.1 200") > 80


async def answers(bundle):
    way = Way(bundle)
    await way.start()
    try:
        last = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        return comparable(await way.converse([*requests(), last]))
    finally:
        await way.stop()


def test_thread_and_process_give_the_same_bytes(tmp_path):
    answers = []
    started = Servers(tmp_path)
    try:
        for isolation in ("thread", "process"):
            directory = tmp_path / isolation
            outputs = Side(
                "tensors", (Field("sum", "float64", (None,)), Field("size", "str", (None,)))
            )
            write_model(directory / "models" / "sums", Texts(), outputs=outputs)
            server = started.start(write_bundle(directory, serve={"isolation": isolation}))
            with server.client() as client:
                body = json.dumps({"instances": ROWS.tolist()})
                posted = [
                    client.post("/predict", content=body, headers={"accept": kind})
                    for kind in media.ANSWERS
                ]
                answers.append(
                    [(a.status_code, a.headers["content-type"], a.content) for a in posted]
                )
                bodies_ = [
                    client.post("/predict", content=b, headers={"content-type": k})
                    for k, b in BODIES.items()
                ]
                answers[-1] += [(a.status_code, a.content) for a in bodies_]
    finally:
        started.stop()
    assert answers[0] == answers[1]
    table = pa.ipc.open_stream(answers[0][media.ANSWERS.index(media.ARROW)][2]).read_all()
    assert table.to_pylist() == [{"sum": 3.0, "size": "small"}, {"sum": 7.0, "size": "big"}]
