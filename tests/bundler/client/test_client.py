"""Both clients against real servers: what they send, refuse, give back, and ask again."""

import asyncio
import inspect
import subprocess
import sys

import httpx
import numpy as np
import pandas as pd
import pytest

from modelbundle.bundler.client.contract import Contract, Route
from modelbundle.client import (
    AsyncClient,
    Client,
    ClientError,
    NoRoute,
    OutOfTime,
    Refused,
    Unreachable,
    WrongInput,
)
from modelbundle.runtime.manifests.signature import Field, Side

from .conftest import scripted

MATRIX = Side("array", (Field("x", "float64", (None, 2)),))


class Awaited:
    """An AsyncClient that is asked as a Client is: one test for both."""

    def __init__(self, url, **options):
        self.runner = asyncio.Runner()
        self.client = AsyncClient(url, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.runner.run(self.client.close())
        self.runner.close()

    def call(self, *arguments, **named):
        return self.runner.run(self.client.call(*arguments, **named))

    def predict(self, *arguments, **named):
        return self.runner.run(self.client.predict(*arguments, **named))

    def stream(self, *arguments, **named):
        items = self.client.stream(*arguments, **named)
        try:
            while True:
                yield self.runner.run(anext(items))
        except StopAsyncIteration:
            return
        finally:
            self.runner.run(items.aclose())

    @property
    def is_ready(self):
        return self.runner.run(self.client.is_ready())

    @property
    def contract(self):
        return self.runner.run(self.client.contract())

    def knows(self, *routes):
        self.client._contract = known(*routes)
        return self


class Blocking(Client):
    def knows(self, *routes):
        self._contract = known(*routes)
        return self


def known(*routes):
    return Contract("x", "1", {route.name: route for route in routes})


@pytest.fixture(params=[Blocking, Awaited], ids=["sync", "async"])
def made(request):
    """Makes a client of either kind."""
    return request.param


def test_arrays_go_out_and_come_back_as_arrays(asked, made):
    with made(asked("models")) as client:
        assert client.is_ready
        assert client.contract.title == "demo"
        for rows in (
            np.ones((3, 2)),
            np.ones((3, 2), "float32"),
            [[1, 1]] * 3,
            [np.ones(2)] * 3,
            ([1, 1],) * 3,
        ):
            answer = client.predict(rows)
            assert (answer.dtype, answer.tolist()) == ("float64", [2.0] * 3)
        assert client.predict([[1, 2]], shape="list") == [3.0]
        assert client.predict([[1, 2]], shape="frame").to_dict("list") == {"predictions": [3.0]}
        assert client.predict(np.empty((0, 2))).size == 0


def test_a_table_goes_out_and_comes_back_as_a_table(asked, made):
    people = pd.DataFrame({"city": ["Oslo", "Århus"], "age": [41, 17]})
    wanted = {"label": ["Oslo!", "Århus!"], "score": [20.5, 8.5]}
    records = people.to_dict("records")
    with made(asked("models")) as client:
        frame = client.call("people", people)
        assert isinstance(frame, pd.DataFrame)
        assert frame.to_dict("list") == wanted
        assert client.call("people", people.astype({"city": "category"})).to_dict("list") == wanted
        assert client.call("people", records, shape="frame").to_dict("list") == wanted
        assert client.call("people", records, shape="list") == pd.DataFrame(wanted).to_dict(
            "records"
        )
        arrays = client.call(
            "people", {"city": ["Oslo", "Århus"], "age": np.array([41, 17])}, shape="numpy"
        )
        assert {name: column.tolist() for name, column in arrays.items()} == wanted
        long = client.call(
            "people", [{"city": "x" * 10_000, "age": 1}, {"city": "", "age": 2}], shape="list"
        )
        assert [len(row["label"]) for row in long] == [10_001, 1]


def test_tensors_go_out_and_come_back_by_their_names(asked, made):
    a, b = np.ones((3, 2), "float32"), np.arange(3)
    with made(asked("models")) as client:
        answer = client.call("pairs", {"a": a, "b": b})
        np.testing.assert_array_equal(answer["sum"], [2, 3, 4])
        np.testing.assert_array_equal(answer["twice"], a * 2)
        assert answer["twice"].dtype == "float32"


def test_texts_come_back_as_texts(asked, made):
    with made(asked("models")) as client:
        assert client.call("words", [[1, 2], [3, 4]]).tolist() == ["low", "high"]
        assert client.call("blobs", [[1, 2], [3, 4]]).tolist() == [b"\1\0", b"\3\0"]
        frame = pd.DataFrame({"a": [1, 3], "b": [2, 4]})  # they come as JSON, and are an array
        assert client.call("words", frame).tolist() == ["low", "high"]


@pytest.mark.parametrize(
    ("name", "rows", "words"),
    [
        ("sums", [[1]], r"instances\[0\]: expected 2 numbers, got 1"),
        ("sums", np.ones((2, 3)), "expected shape .rows, 2., got .2, 3."),
        ("sums", [["a", 1]], "expected a number, got the string"),
        ("sums", np.array([[object(), 1]]), "instances"),
        ("sums", "text", "not a `str`"),
        ("people", pd.DataFrame({"age": [1], "town": ["Oslo"]}), "unknown field `town`"),
        ("people", pd.DataFrame({"age": [1.5], "city": ["Oslo"]}), "whole number"),
        ("pairs", {"a": np.ones((2, 2))}, "field `b` is missing"),
    ],
)
def test_what_the_contract_has_no_place_for_is_never_sent(asked, made, name, rows, words):
    with made(asked("models")) as client:
        before = metric(asked("models"), name)
        with pytest.raises(WrongInput, match=words):
            client.call(name, rows)
        assert metric(asked("models"), name) == before


def metric(url, name):
    """How many predictions were asked for."""
    text = httpx.get(f"{url}/metrics", timeout=90, trust_env=False, verify=False).text
    return [line for line in text.splitlines() if "requests_total" in line and f'"/{name}"' in line]


def test_a_services_methods_are_called_by_their_names(asked, made):
    with made(asked("shop")) as client:
        assert client.call("greet", "Ann", times=2) == "kind Ann kind Ann "
        assert client.call("greet", name="Bo", mood="curt") == "curt Bo "
        assert client.call("size", b"\0\xff" * 10) == 20
        assert client.call("backwards", b"\0\xff") == b"\xff\0"
        assert client.call("count", 3) == [0, 1, 2]
        assert client.call("spell", "abc") == b"abc"
        assert client.call("total", np.ones((2, 3))).tolist() == [3.0, 3.0]
        assert client.call("older", pd.DataFrame({"age": [1], "n": ["x"]})).to_dict("records") == [
            {"age": 2, "n": "x"}
        ]
        assert client.call("add", 1, more=np.array([2, 3])) == {"sum": 6.0}
        days = np.array(["2026-01-02", "NaT"], "datetime64[ns]")  # a `tolist` has nanoseconds
        told = client.call("echo", days)  # an object of its own, not the answer of a model
        assert told == {"predictions": ["2026-01-02T00:00:00.000000000", None]}
        assert client.call("echo", np.float32([[1.5], [np.nan]])) == {
            "predictions": [[1.5], [None]]
        }
        for wrong, words in (
            (("greet",), "also needs `name`"),
            (("greet", 1, 2, 3, 4), "takes"),
            (("nothing",), "no route"),
        ):
            with pytest.raises((WrongInput, NoRoute), match=words):
                client.call(*wrong)
        with pytest.raises(WrongInput, match="`nmae` is unknown"):
            client.call("greet", "a", nmae="b")
        with pytest.raises(WrongInput, match="422") as refused:
            client.call("greet", 5)
        assert refused.value.status == 422


def test_an_answer_in_parts_comes_as_it_is_made(asked, made):
    with made(asked("shop")) as client:
        assert list(client.stream("count", 4)) == [0, 1, 2, 3]
        assert list(client.stream("count", n=0)) == []
        assert b"".join(client.stream("spell", word="abc")) == b"abc"
        items = client.stream("fail", 7)
        assert next(items) == 7
        with pytest.raises(Refused, match="ended early"):
            list(items)
        with pytest.raises(WrongInput, match="422"):
            list(client.stream("count", n="x"))
        left = client.stream("count", 5_000)
        assert next(left) == 0
        left.close()
        assert list(client.stream("count", 2)) == [0, 1]


def test_routes_are_methods(asked):
    with Client(asked("shop")) as client:
        assert client.greet("Ann") == "kind Ann "
        assert list(client.count(2)) == [0, 1]
        with pytest.raises(AttributeError, match="Did you mean `greet`"):
            client.gret("Ann")

    async def ask():
        async with AsyncClient(asked("shop")) as client:
            return await asyncio.gather(*(client.greet(name=str(n)) for n in range(8)))

    assert asyncio.run(ask()) == [f"kind {n} " for n in range(8)]


ROWS = Route("/predict", inputs=MATRIX, outputs=MATRIX)
API = Route("/pay", schema={"properties": {"n": {}}, "required": ["n"]}, is_idempotent=False)
FULL = (503, {"retry-after": "0"}, b'{"error": "full"}')


def test_a_full_server_is_asked_again_when_it_says(made):
    with (
        scripted(FULL, (429, {}, b"{}"), (502, {}, b"")) as (url, seen),
        made(url).knows(ROWS) as client,
    ):
        assert client.predict([[1, 2]], shape="list") == [1]
        assert len(seen) == 4
        assert len({body for _, _, body in seen}) == 1


def test_what_breaks_off_is_asked_again_where_that_does_no_harm(made):
    with scripted(None, None) as (url, seen), made(url).knows(ROWS) as client:
        assert client.predict([[1, 2]], shape="list") == [1]
        assert len(seen) == 3


@pytest.mark.parametrize("answer", [None, FULL, (500, {}, b'{"error": "no"}')])
def test_what_may_have_run_and_may_not_run_twice_is_asked_once(made, answer):
    with scripted(answer) as (url, seen), made(url).knows(API) as client:
        with pytest.raises((Unreachable, Refused)):
            client.call("pay", 1)
        assert len(seen) == 1


def test_a_share_that_is_used_up_has_run_nothing(made):
    with (
        scripted((429, {"retry-after": "0"}, b"{}"), (200, {}, b"5")) as (url, seen),
        made(url).knows(API) as client,
    ):
        assert client.call("pay", 1) == 5
        assert len(seen) == 2


def test_the_clients_own_fault_is_told_once(made):
    with (
        scripted((422, {}, b'{"error": "instances: no"}')) as (url, seen),
        made(url).knows(ROWS) as client,
    ):
        with pytest.raises(WrongInput, match="422: instances: no"):
            client.predict([[1, 2]])
        assert len(seen) == 1


def test_it_gives_up_after_so_many_times_or_when_the_pause_is_too_long(made):
    with scripted(*[FULL] * 9) as (url, seen), made(url, retries=1).knows(ROWS) as client:
        with pytest.raises(Refused, match="503: full") as refused:
            client.predict([[1, 2]])
        assert (len(seen), refused.value.status) == (2, 503)
    with (
        scripted((503, {"retry-after": "60"}, b"{}")) as (url, seen),
        made(url, timeout=5).knows(ROWS) as client,
    ):
        with pytest.raises(Refused):
            client.predict([[1, 2]])
        assert len(seen) == 1


def test_the_deadline_is_the_servers_too(asked, made):
    with scripted() as (url, seen), made(url).knows(ROWS) as client:
        client.predict([[1, 2]], timeout=7)
        named = {name.lower(): value for name, value in seen[0][1].items()}
        assert 6 < float(named["x-request-timeout"]) <= 7
    with made(asked("models")) as client:
        with pytest.raises(OutOfTime):
            client.predict([[-2, 0]], timeout=0.1)  # takes half a second
        assert client.predict([[1, 2]]).tolist() == [3.0]


def test_nobody_at_the_address_is_told_as_such(made):
    with made("http://127.0.0.1:1", retries=1) as client:
        assert not client.is_ready
        with pytest.raises(Unreachable, match="does not answer"):
            client.predict([[1, 2]])


@pytest.mark.parametrize(
    "url", ["127.0.0.1:80", "ftp://x", "http://", "http://u:p@h", "http://[::bad", "http://a b/"]
)
def test_what_is_no_url_of_a_server_is_refused_at_once(made, url):
    with pytest.raises(Unreachable):
        made(url)


def test_no_header_ends_its_line(made):
    for headers in ({"a": "b\r\nc: d"}, {"a\n": "b"}, {"a b": "c"}, {"": "x"}):
        with pytest.raises(WrongInput):
            made("http://127.0.0.1:1", headers=headers)


def test_an_answer_that_is_not_what_it_says_is_an_error(made):
    route = Route(
        "/predict", inputs=MATRIX, outputs=MATRIX, gives=("application/json", "application/x-npy")
    )
    lies = [
        (200, {"content-type": kind}, b"\x93NUMPY\x01\0junk")
        for kind in ("application/json", "application/x-npy", "application/x-npz")
    ]
    with scripted(*lies) as (url, _), made(url).knows(route) as client:
        for _ in lies:
            with pytest.raises(ClientError, match="is not the application"):
                client.predict([[1, 2]])


def test_connections_are_used_again(made):
    with scripted() as (url, seen), made(url).knows(ROWS) as client:
        for _ in range(5):
            client.predict([[1, 2]])
        wire = client._wire if isinstance(client, Client) else client.client._wire
        if isinstance(client, Client):
            assert wire._pool().num_connections == 1
        else:
            assert [len(idle) for idle in wire._loops.values()] == [1]
        assert len(seen) == 5


def test_a_server_that_is_not_ours_is_told_as_such(made):
    with scripted() as (url, _), made(url, retries=0) as client, pytest.raises(ClientError):
        client.predict([[1, 2]])  # it answers 501 to GET


def test_both_clients_have_the_same_methods():
    def signature(cls, name):
        return str(inspect.signature(getattr(cls, name))).replace("AsyncIterator", "Iterator")

    for name in ("__init__", "call", "predict", "stream", "close"):
        assert signature(Client, name) == signature(AsyncClient, name)


def test_importing_the_client_imports_no_library():
    code = """
import sys
from modelbundle.client import Client
client = Client("http://127.0.0.1:1")
heavy = ("numpy", "pandas", "pyarrow", "asyncio", "ssl", "urllib3", "pydantic", "typer", "starlette")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
