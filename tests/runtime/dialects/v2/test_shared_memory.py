"""Tensors in shared memory, over REST, on a server of two processes."""

import json
from multiprocessing import shared_memory

import httpx
import numpy as np
import pytest

from ...conftest import Servers
from ..kinds import make_kinds

REGION = "/v2/systemsharedmemory/region"
INFER = "/v2/models/sums/infer"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Asks a server that shares memory; each request goes to any of its processes."""
    started = Servers(tmp_path_factory.mktemp("servers"))
    bundle = make_kinds(
        tmp_path_factory.mktemp("kinds"), models=("sums",), workers=2, dialects=["v2"],
        shared_memory=True, max_body=4096,
    )  # fmt: skip
    limits = httpx.Limits(max_keepalive_connections=0)
    running = started.start(bundle)
    with running.client(limits=limits) as client:
        yield client
    started.stop()
    assert "/runtime/d" not in running.log()


@pytest.fixture
def memory(client):
    """4 KiB that begin with two rows, registered as `rows`."""
    made = shared_memory.SharedMemory(create=True, size=8192)
    made.buf[:32] = np.array([[1.0, 2.0], [3.0, 4.0]]).tobytes()
    assert register(client, "rows", made.name).status_code == 200
    yield made
    client.post("/v2/systemsharedmemory/unregister")
    made.close()
    made.unlink()


def register(client, name, key, **more):
    return client.post(f"{REGION}/{name}/register", json={"key": key, "byte_size": 8192} | more)


def tensor(size=32, offset=0, **more):
    parameters = {"shared_memory_region": "rows", "shared_memory_byte_size": size}
    return {"parameters": parameters | ({"shared_memory_offset": offset} if offset else {})} | more


def infer(client, *, shape=(2, 2), outputs=None, **more):
    given = tensor(**more) | {"name": "input", "datatype": "FP64", "shape": shape}
    return client.post(INFER, json={"inputs": [given]} | ({"outputs": outputs} if outputs else {}))


def test_inputs_and_outputs_are_only_named(client, memory):
    """Every process knows where they are; the answer says where it is, and how long."""
    for _ in range(8):
        assert infer(client).json()["outputs"][0]["data"] == [3.0, 7.0]
    answer = infer(client, outputs=[tensor(64, 128, name="output")])
    assert answer.json()["outputs"] == [tensor(16, 128, name="output", datatype="FP64", shape=[2])]
    assert np.frombuffer(memory.buf, np.float64, 2, 128).tolist() == [3.0, 7.0]
    assert memory.buf[144] == 0


def test_regions_are_told_and_forgotten(client, memory):
    """One or all of them."""
    told = [{"name": "rows", "key": memory.name, "offset": 0, "byte_size": 8192}]
    assert client.get(f"{REGION}/rows/status").json() == told
    assert client.get("/v2/systemsharedmemory/status").json() == told
    assert register(client, "rows", memory.name).status_code == 400
    assert client.post(f"{REGION}/rows/unregister").json() == {}
    assert client.get(f"{REGION}/rows/status").status_code == 404
    assert "Unable to find shared memory region: 'rows'" in infer(client).json()["error"]
    assert "system_shared_memory" in client.get("/v2").json()["extensions"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"size": 24}, "input byte size mismatch for input 'input' for model 'sums'. Expected 32"),
        ({"size": 32, "offset": 8192}, "Invalid offset for shared memory region"),
        ({"size": 32, "offset": 8161}, "Invalid offset + byte size for shared memory region"),
        ({"size": 8192, "shape": (512, 2)}, "more than 4096 bytes"),
        ({"outputs": [tensor(8, name="output")]}, "output 'output' (8 bytes) should be at least"),
        ({"outputs": [tensor(8, 8192, name="output")]}, "Invalid offset"),
    ],
)
def test_what_does_not_fit_is_named(client, memory, asked, said):
    """With a 400, and nothing is written."""
    before = bytes(memory.buf)
    answer = infer(client, **asked)
    assert (answer.status_code, said in answer.json()["error"]) == (400, True), answer.text
    assert bytes(memory.buf) == before


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"key": 3, "byte_size": 1}', b'{"key": "x", "byte_size": -1}',
             b'{"key": "x", "byte_size": 1.5}', b'{"key": "x", "byte_size": 1, "offset": true}',
             b'{"key": "../../etc/passwd", "byte_size": 1}']
)  # fmt: skip
def test_what_is_no_region_is_refused(client, body):
    """With a 400."""
    assert client.post(f"{REGION}/x/register", content=body).status_code == 400
    assert client.get("/v2/systemsharedmemory/status").json() == []


def test_pages_of_others_register_nothing(client, memory):
    """A browser may be led to ask it."""
    asked = json.dumps({"key": memory.name, "byte_size": 8})
    for path in (f"{REGION}/x/register", "/v2/systemsharedmemory/unregister"):
        answer = client.post(path, content=asked, headers={"origin": "https://evil.example"})
        assert (answer.status_code, "Pages" in answer.json()["error"]) == (400, True), answer.text
    assert len(client.get("/v2/systemsharedmemory/status").json()) == 1
