"""Triton's own HTTP client asks a server of `kinds`: every way to send and to ask for tensors.

Prints one JSON line for each part that went well; anything else raises.
"""

import asyncio
import itertools
import json
import sys

import numpy as np
from tritonclient import http
from tritonclient.http import aio
from tritonclient.utils import InferenceServerException

ADDRESS = sys.argv[1]
ROWS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
SUMS = ROWS.sum(axis=1)
CODINGS = (None, "gzip", "deflate")


def done(part, count=1):
    print(json.dumps({"part": part, "count": count}))


def asked(array, datatype="FP64", *, binary=True, name="input"):
    tensor = http.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


def refused(call, *, said, status=None):
    try:
        call()
    except InferenceServerException as error:
        assert said in error.message(), error.message()
        assert status is None or error.status() == str(status), error.status()
    else:
        raise AssertionError(f"nothing was refused: {said}")


def matrix(client):
    """Binary or JSON in, binary, JSON or the default out, each compressed both ways or not."""
    count = 0
    outs = (None, True, False)
    for binary, out, sent, got in itertools.product((True, False), outs, CODINGS, CODINGS):
        outputs = None if out is None else [http.InferRequestedOutput("output", binary_data=out)]
        result = client.infer(
            "sums",
            [asked(ROWS, binary=binary)],
            outputs=outputs,
            request_id="42",
            request_compression_algorithm=sent,
            response_compression_algorithm=got,
        )
        np.testing.assert_array_equal(result.as_numpy("output"), SUMS)
        assert result.get_response()["id"] == "42"
        count += 1
    large = np.ones((4000, 2))
    for sent, got in itertools.product(CODINGS, CODINGS):
        result = client.infer(
            "sums",
            [asked(large)],
            request_compression_algorithm=sent,
            response_compression_algorithm=got,
        )
        np.testing.assert_array_equal(result.as_numpy("output"), large.sum(axis=1))
        count += 1
    done("matrix", count)


def datatypes(client):
    """Every datatype there and back, in binary and, where it has one, in JSON."""
    metadata = client.get_model_metadata("every")
    kinds = {each["name"]: each["datatype"] for each in metadata["inputs"]}
    for binary in (True, False):
        inputs, expected = [], {}
        for name, datatype in kinds.items():
            array = value(name, datatype)
            in_binary = binary or name in {"FP16", "BYTES"}
            inputs.append(asked(array, datatype, binary=in_binary, name=name))
            expected[name] = array
        wanted = [
            http.InferRequestedOutput(name, binary_data=binary or name in {"FP16", "BYTES"})
            for name in kinds
        ]
        result = client.infer("every", inputs, outputs=wanted)
        for name, array in expected.items():
            got = result.as_numpy(name)
            assert got.shape == (1, 2), name
            assert plain(got) == plain(array), (name, got)
    done("datatypes", 2 * len(kinds))


def value(name, datatype):
    if name == "TEXT":
        return np.array([["ä".encode(), b""]], np.object_)
    if name == "BYTES":
        return np.array([[b"\x00\xff", b"x"]], np.object_)
    if datatype == "BOOL":
        return np.array([[True, False]])
    from tritonclient.utils import triton_to_np_dtype

    dtype = np.dtype(triton_to_np_dtype(datatype))
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return np.array([[limits.min, limits.max]], dtype)


def plain(array):
    """As a list; BYTES that came in JSON are strings."""
    return [each.encode() if isinstance(each, str) else each for each in array.ravel().tolist()]


def bfloat16(client):
    """Half the bytes of a float, which numpy does not know by itself."""
    import ml_dtypes

    array = np.array([[1.5, -2.0]], ml_dtypes.bfloat16)
    result = client.infer("sums", [asked(array, "BF16")])
    assert result.as_numpy("output").tolist() == [-0.5]
    done("bfloat16")


def classification(client):
    """The largest values, each with its place."""
    array = np.array([[3.0, 9.0, 1.0], [5.0, 4.0, 6.0]], np.float32)
    for binary in (True, False):
        wanted = [http.InferRequestedOutput("doubled", binary_data=binary, class_count=2)]
        result = client.infer("spread", [asked(array, "FP32", name="values")], outputs=wanted)
        got = [[each if isinstance(each, str) else each.decode() for each in row]
               for row in result.as_numpy("doubled")]  # fmt: skip
        assert got == [["18.000000:1", "6.000000:0"], ["12.000000:2", "10.000000:0"]], got
    done("classification", 2)


def metadata(client):
    """What a client asks before it asks for anything."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("sums")
    assert not client.is_model_ready("nothing")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    model = client.get_model_metadata("sums")
    assert model["inputs"] == [{"name": "input", "datatype": "FP64", "shape": [-1, 2]}]
    assert client.get_model_metadata("sums", model["versions"][0])["name"] == "sums"
    config = client.get_model_config("sums")
    assert config["max_batch_size"] > 1
    assert config["input"] == [{"name": "input", "data_type": "TYPE_FP64", "dims": [2]}]
    assert client.get_trace_settings("sums")["trace_level"] == ["OFF"]
    refused(lambda: client.get_trace_settings("nothing"), said="nothing", status=404)
    assert "log_info" in client.get_log_settings()
    assert client.get_system_shared_memory_status() == []
    assert client.get_cuda_shared_memory_status() == []
    done("metadata")


def statistics(client):
    """Counts that grow."""
    before = client.get_inference_statistics("spread")["model_stats"][0]
    for _ in range(3):
        client.infer("spread", [asked(np.ones((2, 2), np.float32), "FP32", name="values")])
    after = client.get_inference_statistics("spread")["model_stats"][0]
    assert after["inference_count"] - before["inference_count"] == 6
    assert after["execution_count"] - before["execution_count"] == 3
    assert after["inference_stats"]["success"]["count"] >= 3
    assert after["inference_stats"]["compute_infer"]["ns"] > 0
    assert after["last_inference"] > 1_600_000_000_000
    names = [each["name"] for each in client.get_inference_statistics()["model_stats"]]
    assert "sums" in names
    done("statistics")


def repository(client):
    """What there is."""
    index = client.get_model_repository_index()
    assert {each["name"]: each["state"] for each in index}["sums"] == "READY"
    done("repository", len(index))


def parameters(client):
    """Deadlines, priorities, and what a client adds of its own."""
    result = client.infer(
        "sums", [asked(ROWS)], priority=1, timeout=5_000_000, parameters={"mine": "x", "n": 1}
    )
    np.testing.assert_array_equal(result.as_numpy("output"), SUMS)
    slow = np.array([[-2.0, 0.0]])
    refused(lambda: client.infer("sums", [asked(slow)], timeout=1), said="deadline", status=504)
    done("parameters", 2)


def errors(client):
    """In Triton's form, and with its statuses."""
    good = [asked(ROWS)]
    refused(lambda: client.infer("nothing", good), said="nothing", status=404)
    refused(lambda: client.infer("sums", good, model_version="99"), said="99", status=404)
    refused(lambda: client.infer("sums", [asked(np.ones((1, 3)))]), said="shape", status=400)
    refused(lambda: client.infer("sums", [asked(np.array([[b"x", b"y"]], object), "BYTES")]),
            said="number", status=400)  # fmt: skip
    outputs = [http.InferRequestedOutput("other")]
    refused(lambda: client.infer("sums", good, outputs=outputs), said="'other'", status=400)
    trouble = [asked(np.array([[-1.0, 0.0]]))]
    refused(lambda: client.infer("sums", trouble), said="failed on this input", status=500)
    refused(lambda: client.register_system_shared_memory("x", "/x", 8), said="hared memory")
    refused(lambda: client.update_log_settings({"log_verbose_level": 1}), said="log", status=501)
    done("errors", 8)


async def asynchronous():
    """The same over aiohttp, and thirty at once."""
    async with aio.InferenceServerClient(ADDRESS) as client:
        assert await client.is_server_ready()
        answers = await asyncio.gather(*[client.infer("sums", [asked(ROWS)]) for _ in range(30)])
        for each in answers:
            np.testing.assert_array_equal(each.as_numpy("output"), SUMS)
        for coding in CODINGS[1:]:
            result = await client.infer(
                "sums",
                [asked(ROWS)],
                request_compression_algorithm=coding,
                response_compression_algorithm=coding,
            )
            np.testing.assert_array_equal(result.as_numpy("output"), SUMS)
    done("asynchronous", 32)


def main():
    with http.InferenceServerClient(ADDRESS, concurrency=4) as client:
        for part in (
            metadata, matrix, datatypes, bfloat16, classification,
            statistics, repository, parameters, errors,
        ):  # fmt: skip
            part(client)
        requests = [client.async_infer("sums", [asked(ROWS)]) for _ in range(8)]
        for request in requests:
            np.testing.assert_array_equal(request.get_result().as_numpy("output"), SUMS)
        done("threads", len(requests))
    asyncio.run(asynchronous())


if __name__ == "__main__":
    main()
