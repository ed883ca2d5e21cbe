"""Bodies that are not what they should be never reach a model, and hurt nobody who came along."""

import itertools
import json
import random
import re

import numpy as np
import pytest

from modelbundle.runtime.manifests.route import Route
from modelbundle.runtime.manifests.signature import Field, Side

from ..conftest import MATRIX, VECTOR, Servers, write_bundle, write_model
from ..data.bodies import npy
from .json_suite import EITHER, INVALID, VALID

JSON, NPY, CSV = "application/json", "application/x-npy", "text/csv"


class Told:
    """Writes down how many rows it is called with."""

    def __init__(self, calls, name):
        self.calls, self.name = calls, name

    def predict(self, rows):
        count = len(rows["x"]) if isinstance(rows, dict) else len(rows)
        with self.calls.open("a", encoding="ascii") as file:
            file.write(f"{self.name} {count}\n")
        if self.name == "matrix":
            return rows.sum(axis=1)
        if self.name == "columns":
            return (rows["a"] * 2 + rows["n"]).to_numpy(dtype="float64")
        if self.name == "tensors":
            return rows["x"].sum(axis=(1, 2)).astype("float64") + rows["m"]
        return list(rows)


SIDES = {
    "matrix": (MATRIX, VECTOR),
    "columns": (
        Side(
            "columns",
            (
                Field("a", "float64", (None,)),
                Field("s", "str", (None,)),
                Field("n", "int32", (None,)),
            ),
        ),
        VECTOR,
    ),
    "tensors": (
        Side("tensors", (Field("x", "float32", (None, 2, 3)), Field("m", "int64", (None,)))),
        VECTOR,
    ),
    "objects": (Side("objects", ()), Side("objects", ())),
}


class Asked:
    """A server of four models, and how often they were called."""

    def __init__(self, running, calls):
        self.running = running
        self._calls = calls

    def calls(self):
        return self._calls.read_text()

    def ask(self, *requests):
        """The statuses and bodies of answers to requests that come in one piece."""
        raw = b"".join(spelled(*request) for request in requests)
        heard = self.running.ask(raw + b"GET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        parts = re.split(rb"(?m)^HTTP/1\.1 |(?<=\})HTTP/1\.1 ", heard)[1:-1]
        return [(int(part[:3]), part.partition(b"\r\n\r\n")[2]) for part in parts]


def spelled(path, body, kind=JSON):
    head = f"POST /{path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture(scope="module")
def asked(http, tmp_path_factory):
    directory = tmp_path_factory.mktemp("told")
    calls = tmp_path_factory.mktemp("calls") / "calls"
    calls.touch()  # there may be none before a test looks
    for name, (inputs, outputs) in SIDES.items():
        model = Told(calls, name)
        write_model(directory / "models" / name, model, inputs=inputs, outputs=outputs)
    routes = [Route(f"/{name}", "predict", model=name) for name in SIDES]
    bundle = write_bundle(directory, models=tuple(SIDES), routes=routes, serve={"http": http})
    started = Servers(tmp_path_factory.mktemp("servers"))
    yield Asked(started.start(bundle, "--workers=1"), calls)
    started.stop()


def wrapped(value):
    """A value by itself, as all rows, and as one row."""
    return [value, b'{"instances": ' + value + b"}", b'{"instances": [' + value + b"]}"]


@pytest.mark.parametrize("path", SIDES)
def test_what_is_json_is_read(asked, path):
    for value in VALID:
        statuses = {asked.ask((path, body))[0][0] for body in wrapped(value)}
        assert statuses <= {200, 422}, value


@pytest.mark.parametrize("path", SIDES)
def test_what_is_not_json_is_refused_before_any_model_sees_it(asked, path):
    before = asked.calls()
    for value in INVALID:
        for body in wrapped(value):
            (status, said), *_ = asked.ask((path, body))
            assert (status, set(json.loads(said))) == (400, {"error"}), value
    assert asked.calls() == before


@pytest.mark.parametrize("path", SIDES)
def test_what_may_be_read_or_refused_is_no_failure(asked, path):
    for value in EITHER:
        assert {asked.ask((path, body))[0][0] for body in wrapped(value)} <= {200, 400, 422}, value


def rows(*instances):
    return json.dumps({"instances": instances}).encode()


def npy_of(descr, shape, data=bytes(16)):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def points(*numbers):
    return np.array(numbers, "<u4").tobytes()


COLUMNS, TENSORS = {"a": 1.5, "s": "x", "n": 3}, {"x": [[1, 2, 3], [4, 5, 6]], "m": 7}
WRONG = [
    (422, "matrix", rows([1, 2], [3]), "instances[1]: expected 2 numbers, got 1."),
    (422, "matrix", rows([1, 2], [3, None]), "instances[1][1]: expected a number, got null."),
    (422, "matrix", rows([1, True]), "instances[0][1]: expected a number, got true."),
    (422, "matrix", rows([1, [2]]), "instances[0][1]: expected a number, got a list of 1."),
    (422, "matrix", rows([]), "instances[0]: expected 2 numbers, got 0."),
    (422, "matrix", rows(3), "instances[0]: expected 2 numbers, got 3."),
    (422, "matrix", rows([1, "\x1b[31m\x9b"]), r'instances[0][1]: expected a number, got the string "\x1b[31m\x9b".'),
    (422, "matrix", b'{"instances": [[1, 2]], "instances": []}', "`instances` appears more than once"),
    (422, "matrix", b'{"instances": [[1, 2]], "inst\\u0061nces": []}', "appears more than once"),
    (422, "matrix", b'{"' + b"k" * 100_000 + b'": 1}', "Unknown key `" + "k" * 64 + "`;"),
    (413, "matrix", rows(*[[1, 2]] * 4097), "4097 rows"),
    (422, "columns", rows(COLUMNS, COLUMNS | {"n": 2**31}), "instances[1].n: expected a whole number from"),
    (422, "columns", rows(COLUMNS | {"n": 1.5}), "instances[0].n: expected a whole number, got 1.5."),
    (422, "columns", rows(COLUMNS | {"s": 1}), "instances[0].s: expected a string, got 1."),
    (422, "columns", rows({"a": 1}), "instances[0]: field `s` is missing."),
    (422, "columns", rows(COLUMNS | {"S" * 100_000: 1}), "unknown field `" + "S" * 64 + "`;"),
    (422, "tensors", rows(TENSORS | {"x": [[1, 2], [3, 4]]}), "instances[0].x[0]: expected 3 numbers, got 2."),
    (422, "tensors", rows(TENSORS | {"x": [[1, 2, 3], [4]]}), "instances[0].x[1]: expected 3 numbers, got 1."),
    (422, "tensors", rows(TENSORS | {"x": [[1, 2, 1e39], [4, 5, 6]]}), "a finite number that fits float32"),
    (422, "tensors", rows(TENSORS | {"m": 2**63}), "instances[0].m: expected a whole number from"),
    (422, "objects", b'{"instances": [' + b"[" * 900 + b"]" * 900 + b"]}", "levels deep"),
    (422, "objects", b'{"instances": [{"a": 1, "a": ":"}]}', "`a` appears more than once"),
]  # fmt: skip
WRONG_NPY = [
    (422, "matrix", npy(np.zeros((2, 3))), "expected shape (rows, 2), got (2, 3)."),
    (422, "matrix", npy(np.array(1.0)), "expected an array of rows, got one value."),
    (422, "matrix", npy(np.array([[1.0, np.inf]])), "finite"),
    (413, "matrix", npy(np.zeros((4097, 2))), "4097 rows"),
    (400, "matrix", npy(np.array([[1, None]], object)), "not one of a plain array"),
    (400, "matrix", npy(np.zeros((1, 2)))[:-1], "announces 16 bytes"),
    (400, "matrix", npy_of("<f8", "(99999999999, 2)"), "announces"),
    (400, "matrix", npy_of("<f8", "(" + "1," * 40 + ")"), "beyond any limit"),
    (400, "matrix", b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(100), "longer than the body"),
    (400, "columns", npy_of("<U1", "(1, 3)", points(97, 0xD800, 98)), "Unicode does not have"),
    (400, "objects", npy_of("<U1", "(1,)", points(0x110000)), "Unicode does not have"),
    (400, "matrix", npy_of("<U1", "(2,)", points(0xFFFFFFFF, 98)), "Unicode does not have"),
    (400, "matrix", npy_of(">U1", "(2,)", np.array([0xDC00, 98], ">u4").tobytes()), "Unicode"),
    (422, "objects", npy(np.array([b"a", b"b"])), "has no JSON"),
    (422, "objects", npy(np.array([1, 2], "longdouble")), "has no JSON"),
    (422, "objects", npy(np.array([1, np.nan])), "finite"),
]
WRONG_CSV = [
    (400, "matrix", b"", "empty"),
    (400, "matrix", b"\xff,1", "not UTF-8 at byte 0"),
    (400, "matrix", b'"1,2', "not CSV"),
    (422, "matrix", b"1,2,3", "expected 2 numbers, got 3."),
    (422, "matrix", "\u0661,1".encode(), "expected float64"),
    (422, "matrix", b"1e999,1", "expected float64"),
    (422, "columns", b"1,x,%s" % (b"1" * 5000), "expected int32"),
    (422, "objects", b"1,2", "No decoder"),
]
ALL = [(*case[:3], kind, case[3]) for kind, cases in ((JSON, WRONG), (NPY, WRONG_NPY), (CSV, WRONG_CSV)) for case in cases]  # fmt: skip


@pytest.mark.parametrize(("status", "path", "body", "kind", "said"), ALL)
def test_what_is_wrong_is_said_with_its_place_and_no_model_sees_it(
    asked, status, path, body, kind, said
):
    before = asked.calls()
    ((answered, text),) = asked.ask((path, body, kind))
    error = json.loads(text)["error"]
    assert answered == (415 if "No decoder" in said else status)
    assert said in error
    assert len(error) < 300
    said = re.sub(
        r"application/|text/csv|multipart/form-data|x-msgpack-numpy", "", error.replace(kind, "")
    )
    assert not re.search(r"Traceback|/|\bnumpy|Error\b", said)
    assert asked.calls() == before


@pytest.mark.parametrize("path", ["matrix", "columns", "tensors"])
def test_in_one_turn_each_is_told_what_it_would_be_told_alone(asked, path):
    wrong = [(p, body, kind) for _, p, body, kind, _ in ALL if p == path and len(body) < 5000]
    alone = {each: asked.ask(each)[0] for each in wrong}
    chance = random.Random(path)
    for _ in range(20):
        requests, expected = [], []
        for _ in range(24):
            if chance.random() < 0.4:
                requests.append(chance.choice(wrong))
                expected.append(alone[requests[-1]])
            else:
                good, answer = right(path, chance.randrange(1000) / 8)
                requests.append((path, rows(good)))
                expected.append((200, b'{"predictions":[%s]}' % str(answer).encode()))
        assert asked.ask(*requests) == expected


def right(path, number):
    """A row and its answer."""
    whole = int(number)
    if path == "matrix":
        return [number, 2], number + 2
    if path == "columns":
        return {"a": number, "s": "ab", "n": whole}, number * 2 + whole
    return {"x": [[number, 2, 3], [4, 5, 6]], "m": whole}, number + 20 + whole


def test_a_route_lives_on_whatever_it_has_been_sent(asked):
    for path, (_, _, body, kind, _) in itertools.product(SIDES, ALL):
        (status, _), *_ = asked.ask((path, body, kind))
        assert status < 500
    good, answer = right("matrix", 3.0)
    assert asked.ask(("matrix", rows(good))) == [
        (200, b'{"predictions":[%s]}' % str(answer).encode())
    ]
    assert '"error"' not in asked.running.log()
