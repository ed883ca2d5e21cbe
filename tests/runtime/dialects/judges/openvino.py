"""The client of OpenVINO's model server, over both of its ways: `openvino.py HOST HTTP GRPC`."""

import json
import sys

import numpy as np
import ovmsclient

ROWS = {"input": np.array([[1.0, 2.0], [3.0, 4.0]])}
PAIR = {"a": np.array([[1, 2]], "float32"), "n": np.array([3])}


def plain(value):
    """What it gives, as JSON has it."""
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


def ask(client):
    """Each call that it has, and its errors by their names."""
    calls = [
        lambda: client.get_model_status("sums"),
        lambda: client.get_model_status("sums", 1)[1]["state"],
        lambda: client.get_model_metadata("pair").get("inputs"),  # over HTTP in Google's own form
        lambda: client.predict(ROWS, "sums"),
        lambda: client.predict({"input": [[1, 2.5]]}, "sums", model_version=1, timeout=30),
        lambda: client.predict(PAIR, "pair")["total"],
        lambda: client.predict({"blob": [b"abc", b"d"]}, "weigh"),
        lambda: client.predict(ROWS, "nothing"),
        lambda: client.predict(ROWS, "sums", 7),
        lambda: client.predict({"other": ROWS["input"], "more": ROWS["input"]}, "sums"),
    ]
    for call in calls:
        try:
            yield plain(call())
        except Exception as error:  # noqa: BLE001 - which one it is, is what is asked
            yield type(error).__name__


def main(host, http, grpc):
    for client in (
        ovmsclient.make_http_client(f"{host}:{http}"),
        ovmsclient.make_grpc_client(f"{host}:{grpc}"),
    ):
        print(json.dumps(list(ask(client))))


main(*sys.argv[1:])
