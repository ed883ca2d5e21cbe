"""Whoever means harm is told what is wrong, by its code, and nobody else notices."""

import gzip
import http.client
import socket
import struct
import threading
import time

import numpy as np
import pytest

from modelbundle.runtime.grpc.messages.pool import pool

from .conftest import SERVICE, Client, answers, grpc, request

STREAM = f"{SERVICE}/ModelStreamInfer"
LARGEST = 1 << 20


@pytest.fixture(scope="module")
def server(started):
    """One that takes a megabyte, and not all calls at once."""
    return started(max_body=LARGEST, grpc={"max_calls": 64}, max_rows=100)


@pytest.fixture(autouse=True)
def _others(server):
    """Whatever happens, others are answered, and no traceback is anybody's answer."""
    yield
    deadline = time.monotonic() + 20
    with server.channel() as channel:
        while (answer := one_answer(channel)) is None and time.monotonic() < deadline:
            time.sleep(0.1)
    assert answer == [3.0]


def one_answer(channel):
    """None as long as calls that were just cut count as open."""
    try:
        return answers(Client(channel).call("ModelInfer", request([[1, 2]])))
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return None
        raise


def tensor(datatype="FP64", shape=(1, 2), name="input", raw=None, **contents):
    """A request with one tensor that is not what it says."""
    said = pool()["inference.ModelInferRequest"](model_name="sums")
    made = said.inputs.add(name=name, datatype=datatype, shape=shape)
    for field, values in contents.items():
        getattr(made.contents, field).extend(values)
    if raw is not None:
        said.raw_input_contents.append(raw)
    return said


def mixed():
    said = request([[1, 2]])
    said.inputs[0].contents.fp64_contents.extend([1, 2])
    return said


def more_raw_than_inputs():
    said = request([[1, 2]])
    said.raw_input_contents.append(b"12345678")
    return said


def twice():
    said = request([[1, 2]])
    said.inputs.add(name="input", datatype="FP64", shape=[1, 2])
    said.raw_input_contents.append(bytes(16))
    return said


TEXT = struct.pack("<I", 5) + b"ab"

WRONG = {
    "no inputs": pool()["inference.ModelInferRequest"](model_name="sums"),
    "too few raw bytes": tensor(raw=bytes(8)),
    "too many raw bytes": tensor(raw=bytes(24)),
    "too few values": tensor(fp64_contents=[1]),
    "too many values": tensor(fp64_contents=[1, 2, 3]),
    "mixed": mixed(),
    "more raw than inputs": more_raw_than_inputs(),
    "twice the same name": twice(),
    "a negative size": tensor(shape=(-1, 2), raw=bytes(16)),
    "sizes beyond all memory": tensor(shape=(1 << 62, 1 << 62), raw=bytes(16)),
    "too many axes": tensor(shape=(1,) * 100, raw=bytes(8)),
    "no such datatype": tensor("COMPLEX", raw=bytes(16)),
    "no datatype": tensor("", raw=bytes(16)),
    "contents of another kind": tensor(fp32_contents=[1, 2]),
    "halves as contents": tensor("FP16", fp32_contents=[1, 2]),
    "a truncated string": tensor("BYTES", (1, 1), raw=TEXT),
    "a truncated length": tensor("BYTES", (1, 1), raw=b"\0\0"),
    "strings for numbers": tensor("BYTES", (1, 2), bytes_contents=[b"a", b"b"]),
    "beyond its datatype": tensor("INT8", int_contents=[1000, 1]),
    "another shape": tensor(shape=(2, 1), fp64_contents=[1, 2]),
    "no rows": tensor(shape=(0, 2), raw=b""),
    "too many rows": request([[1, 2]] * 101),
    "not a message": b"\xff\xff\xff\xff",
    "half a message": request([[1, 2]]).SerializeToString()[:-3],
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_an_invalid_argument(server, case):
    """In a sentence that reveals nothing, and as an answer on a stream."""
    with server.channel() as channel:
        client = Client(channel)
        code, words = client.refused("ModelInfer", WRONG[case])
        assert code == "INVALID_ARGUMENT", words
        assert words.endswith(".")
        assert not any(each in words for each in ("Traceback", "Error", "/", "0x"))
        if isinstance(WRONG[case], bytes):
            return
        first, second = client.stream(STREAM, [WRONG[case], request([[1, 2]])])
        assert first.error_message == words
        assert answers(second.infer_response) == [3.0]


def test_a_large_message_is_refused(server):
    """Before it is read, and however small it was compressed."""
    with server.channel(("grpc.max_send_message_length", -1)) as channel:
        client = Client(channel)
        asked = request(np.zeros((LARGEST // 8, 2)))
        assert client.refused("ModelInfer", asked)[0] == "RESOURCE_EXHAUSTED"
        code, _ = client.refused("ModelInfer", asked, compression=grpc.Compression.Gzip)
        assert code == "RESOURCE_EXHAUSTED"
        told = client.stream(STREAM, [asked])
        with pytest.raises(grpc.RpcError) as found:
            list(told)
        assert found.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_many_streams_are_refused_beyond_the_limit(server):
    """Those that are open go on."""
    many, over = [], 0
    with server.channel() as channel, server.channel(("x", 1)) as other:
        client = Client(channel)
        ends = threading.Event()

        def held():
            yield request([[1, 2]])
            ends.wait(90)

        for n in range(80):
            each = client if n % 2 else Client(other)
            many.append(each.stream(STREAM, held()))
        for told in many:
            try:
                assert answers(next(told).infer_response) == [3.0]
            except grpc.RpcError as error:
                over += error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        ends.set()
        for told in many:
            told.cancel()
    assert 0 < over <= 80 - 64


def test_streams_that_are_cut_take_nothing_along(server):
    """Calls begun, their connections gone."""
    for _ in range(3):
        channel = server.channel()
        asked = channel.unary_unary(f"{SERVICE}/ModelInfer")
        asked(request([[1, 2]]).SerializeToString(), timeout=30)
        data = request([[-2, 2]]).SerializeToString()
        futures = [asked.future(data) for _ in range(60)]
        channel.close()
        assert all(each.code() is not grpc.StatusCode.OK for each in futures)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(1000),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600),
        b"\xff" * 5000,
        b"",
    ],
)
def test_what_is_no_grpc_is_hung_up_on(server, raw):
    """Whatever stands on the wire."""
    with socket.create_connection(("127.0.0.1", server.grpc_port), timeout=30) as sock:
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_WR)
        try:
            while sock.recv(1 << 16):
                pass
        except ConnectionError:
            pass


def test_metadata_has_its_limits(server):
    """Long ones are refused, wrong ones too; an id that is none is replaced."""
    with server.channel() as channel:
        asked = channel.unary_unary(f"{SERVICE}/ModelInfer")
        data = request([[1, 2]]).SerializeToString()
        with pytest.raises(grpc.RpcError) as found:
            asked(data, metadata=[("x-long", "x" * 100_000)], timeout=30)
        assert found.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        with pytest.raises(grpc.RpcError) as found:
            asked(data, metadata=[("x-request-timeout", "soon")], timeout=30)
        assert found.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        _, call = asked.with_call(data, metadata=[("x-request-id", '"}{')], timeout=30)
        assert dict(call.trailing_metadata())["x-request-id"].isalnum()


def test_nothing_of_all_that_is_an_error_of_ours(server):
    """Whatever came before: the log has no traceback of it."""
    assert "Traceback" not in server.log()
    assert '"level":"error"' not in server.log()


def test_http_clients_of_the_port_do_not_hang(server):
    """Somebody mistakes it for the other port."""
    connection = http.client.HTTPConnection("127.0.0.1", server.grpc_port, timeout=30)
    connection.request("POST", "/predict", body=gzip.compress(b"{}"))
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        connection.getresponse()
    connection.close()
