"""Large bodies and answers of every dialect: for how long they keep everybody else waiting.

    .venv/bin/python benchmarks/large_bodies.py [--sizes 3,16] [--only v2,v1]

One client sends bodies of so many MB of JSON, one after the other, or asks for as much; another
asks for a row of 1,024 numbers 200 times a second. Printed are how late the timers of the server's
event loop were (`probe/sitecustomize.py`), for how long its thread computed without giving others
their turn, and how long the small requests took, all in milliseconds.
"""

import argparse
import io
import multiprocessing
import os
import socket
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import orjson

from modelbundle.runtime.manifests.route import Route
from modelbundle.runtime.manifests.signature import Field, Side
from modelbundle.tests.runtime.conftest import Servers, Sums, write_bundle, write_model

WIDTH = 1024
DIALECTS = ["native", "v2", "v1", "torchserve", "seldon", "sagemaker", "vertex"]
ROWS = Side("array", (Field("input", "float32", (None, WIDTH)),))
SUMS = Side("array", (Field("output", "float32", (None,)),))
JSON = {"content-type": "application/json"}
NPY = {"content-type": "application/x-npy"}


class Echo:
    """As much as was asked."""

    def predict(self, rows):
        return rows


def bundle(directory):
    """A model that says little, and one that says much."""
    write_model(directory / "models" / "sums", Sums(), inputs=ROWS, outputs=SUMS)
    write_model(directory / "models" / "echo", Echo(), inputs=ROWS, outputs=ROWS)
    routes = [Route("/sums", "predict", model="sums"), Route("/echo", "predict", model="echo")]
    serve = {"workers": 1, "max_body": 64 << 20, "dialects": DIALECTS}
    return write_bundle(directory, models=("sums", "echo"), routes=routes, serve=serve)


def dumps(value):
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def tensor(rows, **more):
    return {"name": "input", "shape": list(rows.shape), "datatype": "FP32"} | more


def binary(rows, **more):
    """The head of binary tensor data, and all of it."""
    size = {"binary_data_size": rows.nbytes}
    head = dumps({"inputs": [tensor(rows, parameters=size)]} | more)
    return {"inference-header-content-length": str(len(head))}, head + rows.tobytes()


def npy(rows):
    file = io.BytesIO()
    np.save(file, rows)
    return file.getvalue()


def questions(rows, model):
    """A name, a path, headers and a body for each form."""
    seldon = f"/seldon/team/{model}/api/v1.0/predictions"
    target = JSON | {"x-amzn-sagemaker-target-model": model}
    flat = {"shape": list(rows.shape), "values": rows.ravel()}
    lines = target | {"content-type": "application/jsonlines"}
    yield "native", f"/{model}", JSON, dumps({"instances": rows})
    infer = f"/v2/models/{model}/infer"
    yield "v2", infer, JSON, dumps({"inputs": [tensor(rows, data=rows.ravel())]})
    yield "v2, nested", infer, JSON, dumps({"inputs": [tensor(rows, data=rows)]})
    yield "v2, binary", infer, *binary(rows)
    predict = f"/v1/models/{model}:predict"
    yield "v1, rows", predict, JSON, dumps({"instances": rows})
    yield "v1, columns", predict, JSON, dumps({"inputs": rows})
    yield "torchserve", f"/predictions/{model}", JSON, dumps(rows)
    yield "sagemaker", "/invocations", target, dumps(rows)
    yield "sagemaker, lines", "/invocations", lines, b"\n".join(map(dumps, rows))
    yield "seldon, ndarray", seldon, JSON, dumps({"data": {"ndarray": rows}})
    yield "seldon, tensor", seldon, JSON, dumps({"data": {"tensor": flat}})


def answers(rows):
    """As `questions`, of which the answers are large."""
    is_binary = {"parameters": {"binary_data_output": True}}
    yield "native, npy to JSON", "/echo", NPY, npy(rows)
    yield "native, npy to npy", "/echo", NPY | {"accept": NPY["content-type"]}, npy(rows)
    yield "native, npy to CSV", "/echo", NPY | {"accept": "text/csv"}, npy(rows)
    yield "v2, binary to JSON", "/v2/models/echo/infer", *binary(rows)
    yield "v2, binary to binary", "/v2/models/echo/infer", *binary(rows, **is_binary)
    yield from (each for each in questions(rows, "echo") if each[0] not in {"native", "v2, binary"})


def request(path, headers, body):
    """All bytes of it."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\n{lines}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def ask(sock, raw):
    """Send a request, and hear all of the answer."""
    sender = threading.Thread(target=sock.sendall, args=(raw,))
    sender.start()
    heard = b""
    while b"\r\n\r\n" not in heard:
        part = sock.recv(1 << 20)
        assert part, "The server has hung up."
        heard += part
    head, _, rest = heard.partition(b"\r\n\r\n")
    assert b" 200 " in head.partition(b"\r\n")[0], heard[:300]
    missing = int(head.lower().partition(b"content-length:")[2].split()[0]) - len(rest)
    while missing:
        missing -= len(sock.recv(1 << 20))
    sender.join()


def small(port, stop, told):
    """Ask for little until it is enough; when, and for how many seconds."""
    row = np.full((1, WIDTH), 0.5, np.float32)
    body = dumps({"inputs": [tensor(row, data=row)]})
    raw = request("/v2/models/sums/infer", JSON, body)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        seen = []
        while not stop.is_set():
            began = time.monotonic()
            ask(sock, raw)
            seen.append((began, time.monotonic() - began))
            time.sleep(0.005)
    told.put(seen)


def measure(port, raw, seconds, lags):
    """Three p99 in milliseconds: lag, computing at a stretch (its maximum, too), small requests."""
    stop, told = multiprocessing.Event(), multiprocessing.Queue()
    with socket.create_connection(("127.0.0.1", port)) as sock:
        for _ in range(2):
            ask(sock, raw)
        other = multiprocessing.Process(target=small, args=(port, stop, told))
        other.start()
        time.sleep(0.3)
        began, count = time.monotonic(), 0
        while time.monotonic() - began < seconds or count < 5:
            ask(sock, raw)
            count += 1
            time.sleep(0.02)
        ended = time.monotonic()
    stop.set()
    seen = [taken for when, taken in told.get() if began < when < ended]
    other.join()
    time.sleep(0.2)  # until the last of the lags is written
    found = max((_read(file, began, ended) for file in lags()), key=len)
    lag, computed = found[:, 1], found[:, 2]
    percent = [np.percentile(each, 99) for each in (lag, computed, seen)]
    return [1000 * each for each in (*percent, computed.max())]


def _read(file, began, ended):
    data = file.read_bytes()
    found = np.frombuffer(data[: len(data) // 24 * 24]).reshape(-1, 3)
    return found[(began < found[:, 0]) & (found[:, 0] < ended)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default="3,16", help="MB of JSON")
    parser.add_argument("--only", default="", help="beginnings of names")
    parser.add_argument("--seconds", type=float, default=2.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        servers = Servers(home)
        path = os.pathsep.join(
            (str(Path(__file__).parent / "probe"), os.environ.get("PYTHONPATH", ""))
        )
        env = {"PYTHONPATH": path, "LAG_FILE": str(home / "lag")}
        try:
            running = servers.start(bundle(home / "bundle"), env=env)
            for size in map(float, given.sizes.split(",")):
                count = int(size * 1e6 / 11 / WIDTH)  # of eleven bytes a number
                rows = np.random.default_rng(0).random((count, WIDTH), dtype=np.float32)
                asked = [("asked", *each) for each in questions(rows, "sums")]
                asked += [("said", *each) for each in answers(rows)]
                for what, form, path, headers, body in asked:
                    if not form.startswith(tuple(given.only.split(","))):
                        continue
                    raw = request(path, headers, body)
                    lags = lambda: home.glob("lag.*")  # noqa: E731
                    lag, busy, taken, most = measure(running.port, raw, given.seconds, lags)
                    print(
                        f"{size:3g} MB {what:5} {form:22} lag {lag:6.1f}  computing {busy:6.1f} "
                        f"(at most {most:6.1f})  small requests {taken:6.1f}",
                        flush=True,
                    )
        finally:
            servers.stop()


if __name__ == "__main__":
    main()
