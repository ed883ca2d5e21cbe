import asyncio
import io
import json
import logging
import re
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from modelbundle.runtime.errors import (
    BundleError,
    DeadlineExceeded,
    InvalidInput,
    Overloaded,
    PayloadTooLarge,
    PredictionFailed,
    RequestError,
    UnsupportedMediaType,
)

from .service_project import Doubler, served

MODELS = """
    @mb.service
    class Sample:
        def __init__(self):
            self.net = mb.model("net")

        @mb.api(batchable=True)
        def batched(self, rows: np.ndarray) -> np.ndarray:
            return self.net(rows)

        @mb.api(batchable=True)
        async def batched_async(self, rows: np.ndarray) -> np.ndarray:
            return await self.net.negate(rows)

        @mb.api
        def plain(self, rows: np.ndarray) -> np.ndarray:
            assert threading.current_thread() is not threading.main_thread()
            return self.net(rows)

        @mb.api
        async def awaited(self, rows: np.ndarray) -> np.ndarray:
            first, second = await asyncio.gather(self.net(rows), self.net.negate(rows))
            return first + second

        @mb.api
        def own_loop(self, rows: np.ndarray) -> np.ndarray:
            async def inner():
                return await self.net(rows)
            return asyncio.run(inner())
"""


def run(coroutine):
    return asyncio.run(coroutine)


@pytest.mark.parametrize(
    ("route", "expected", "queued"),
    [
        ("/batched", [[2.0, 4.0]], False),
        ("/batched_async", [[-1.0, -2.0]], False),
        ("/plain", [[2.0, 4.0]], True),
        ("/awaited", [[1.0, 2.0]], True),
        ("/own_loop", [[2.0, 4.0]], True),
    ],
)
def test_a_model_is_called_as_the_place_asks(tmp_path, route, expected, queued):
    """Awaited in async methods, returned in sync ones, past its queue in batchable ones."""

    async def main():
        net = Doubler()
        async with served(tmp_path, MODELS, models={"net": net}) as service:
            answer = await service.json(route, {"instances": [[1, 2]]})
        assert answer == {"predictions": expected}
        assert bool(net.queued) is queued
        assert bool(net.straight) is not queued

    run(main())


def test_rows_of_many_requests_share_a_call_and_come_back_to_their_own(tmp_path):
    source = """
        @mb.service
        class Sample:
            def __init__(self):
                self.calls = []
            @mb.api(batchable=True)
            def predict(self, items: list[int]) -> list[int]:
                self.calls.append(len(items))
                time.sleep(0.01)
                return [item * item for item in items]
            @mb.api
            def sizes(self) -> list[int]:
                return self.calls
    """

    async def main():
        async with served(tmp_path, source) as service:
            answers = await asyncio.gather(
                *(service.json("/predict", {"instances": [n, n + 1]}) for n in range(20))
            )
            sizes = await service.json("/sizes", {})
        assert answers == [{"predictions": [n * n, (n + 1) ** 2]} for n in range(20)]
        assert sum(sizes) == 40
        assert len(sizes) < 20

    run(main())


def test_one_poison_item_fails_alone(tmp_path, caplog):
    source = """
        @mb.service
        class Sample:
            @mb.api(batchable=True)
            def predict(self, items: list[int]) -> list[float]:
                time.sleep(0.01)
                return [1 / item for item in items]
    """

    async def main():
        async with served(tmp_path, source) as service:
            calls = [service.json("/predict", {"instances": [n]}) for n in (1, 0, 2, 4)]
            one, poison, two, four = await asyncio.gather(*calls, return_exceptions=True)
        assert [one, two, four] == [{"predictions": [x]} for x in ([1.0][0], 0.5, 0.25)]
        assert isinstance(poison, PredictionFailed)

    with caplog.at_level(logging.CRITICAL):
        run(main())


KINDS = """
    import enum, pandas as pd, pydantic
    from PIL import Image

    class Color(enum.Enum):
        RED = "red"

    @dataclass
    class Point:
        x: int
        color: Color = Color.RED
        def __post_init__(self):
            if self.x < 0:
                raise ValueError("x must not be negative")

    class Person(pydantic.BaseModel):
        age: int = pydantic.Field(ge=0)
        city: str = "Oslo"

    @mb.service
    class Sample:
        @mb.api
        def point(self, point: Point) -> Point: return point
        @mb.api
        def person(self, person: Person) -> Person: return person
        @mb.api(batchable=True)
        def people(self, people: list[Person]) -> list[Person]: return people
        @mb.api
        def frame(self, frame: pd.DataFrame) -> pd.DataFrame:
            return frame.assign(total=frame.sum(axis=1, numeric_only=True))
        @mb.api(batchable=True)
        def frames(self, frame: pd.DataFrame) -> np.ndarray:
            return frame["a"].to_numpy() * 2
        @mb.api
        def shout(self, text: str) -> str: return text.upper()
        @mb.api
        def reverse(self, data: bytes) -> bytes: return data[::-1]
        @mb.api
        def turn(self, image: Image.Image) -> Image.Image: return image.rotate(90, expand=True)
        @mb.api(batchable=True)
        def sizes(self, images: list[Image.Image]) -> list[list[int]]:
            return [list(image.size) for image in images]
        @mb.api
        def mixed(self, rows: np.ndarray, factor: float = 2.0, names: list[str] | None = None) -> dict:
            return {"sum": rows.sum() * factor, "names": names, "rows": rows}
        @mb.api
        def nothing(self) -> None: ...
        @mb.api
        def typed(self, rows: Annotated[np.ndarray, mb.Array("float32", (None, 2))]) -> dict:
            return {"dtype": str(rows.dtype), "shape": rows.shape}
        @mb.api
        def nan(self) -> float: return float("nan")
"""


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """One host for many questions, on a loop of its own."""
    directory = tmp_path_factory.mktemp("kinds")
    loop = asyncio.new_event_loop()
    context = served(directory, KINDS)
    service = loop.run_until_complete(context.__aenter__())
    service.ask = lambda *args, **more: loop.run_until_complete(service.call(*args, **more))
    yield service
    loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()


def png(size=(3, 2)):
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, "PNG")
    return file.getvalue()


def b64(data):
    import base64

    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("route", "body", "answer"),
    [
        ("/point", {"x": 3}, {"x": 3, "color": "red"}),
        ("/person", {"age": 4}, {"age": 4, "city": "Oslo"}),
        ("/people", {"instances": [{"age": 4}]}, {"predictions": [{"age": 4, "city": "Oslo"}]}),
        (
            "/frame",
            {"instances": [{"a": 1, "b": 2, "c": "x"}]},
            {"predictions": [{"a": 1, "b": 2, "c": "x", "total": 3}]},
        ),
        ("/frames", {"instances": [{"a": 1}, {"a": 2}]}, {"predictions": [2, 4]}),
        ("/shout", {"text": "a"}, "A"),
        (
            "/sizes",
            {"instances": [b64(png()), {"b64": b64(png((1, 1)))}]},
            {"predictions": [[3, 2], [1, 1]]},
        ),
        (
            "/mixed",
            {"rows": [[1, 2]], "names": ["a"]},
            {"sum": 6.0, "names": ["a"], "rows": [[1.0, 2.0]]},
        ),
        ("/nothing", b"", None),
        ("/typed", {"instances": [[1, 2]]}, {"dtype": "float32", "shape": [1, 2]}),
    ],
)
def test_json_in_and_json_out(kinds, route, body, answer):
    assert json.loads(kinds.ask(route, body).body) == answer


def test_bytes_text_and_images_travel_raw_or_as_base64(kinds):
    raw = kinds.ask("/reverse", b"abc", content_type="application/octet-stream")
    assert (raw.body, raw.content_type) == (b"cba", "application/octet-stream")
    quoted = kinds.ask("/reverse", {"data": b64(b"abc")}, accept="application/json")
    assert json.loads(quoted.body) == {"b64": b64(b"cba")}
    text = kinds.ask(
        "/shout", b"abc", content_type="text/plain; charset=utf-8", accept="text/plain"
    )
    assert (text.body, text.content_type) == (b"ABC", "text/plain; charset=utf-8")
    picture = kinds.ask("/turn", png(), content_type="image/png")
    assert picture.content_type == "image/png"
    assert Image.open(io.BytesIO(picture.body)).size == (2, 3)
    smaller = kinds.ask("/turn", png(), content_type="image/png", accept="image/jpeg")
    assert Image.open(io.BytesIO(smaller.body)).format == "JPEG"
    one = kinds.ask("/sizes", png(), content_type="image/png")
    assert json.loads(one.body) == {"predictions": [[3, 2]]}


def test_arrays_and_frames_come_as_npy_and_csv_too(kinds):
    file = io.BytesIO()
    np.save(file, np.ones((1, 2)))
    answer = kinds.ask("/typed", file.getvalue(), content_type="application/x-npy")
    assert json.loads(answer.body) == {"dtype": "float32", "shape": [1, 2]}
    answer = kinds.ask("/typed", b"x,y\n1,2\n3,4\n", content_type="text/csv")
    assert json.loads(answer.body)["shape"] == [2, 2]
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}).to_csv(index=False).encode()
    answer = kinds.ask("/frames", frame, content_type="text/csv")
    assert json.loads(answer.body) == {"predictions": [2, 4]}


@pytest.mark.parametrize(
    ("route", "body", "message"),
    [
        ("/point", {"x": "3"}, 'x: expected a whole number, got the string "3".'),
        ("/point", {"x": -1}, "x must not be negative"),
        ("/point", {"x": 1, "colour": "red"}, "Unknown field `colour`; did you mean `color`?"),
        (
            "/point",
            {"x": 1, "color": "blue"},
            "color: expected one of 'red', got the string \"blue\".",
        ),
        ("/point", {}, "`x` is missing."),
        ("/point", [], "The body: expected an object, got a list of 0."),
        ("/person", {"age": "x"}, "age: input should be a valid integer"),
        ("/person", {"age": -1}, "age: input should be greater than or equal to 0, got -1."),
        ("/person", {}, "age: field is missing."),
        (
            "/people",
            {"instances": [{"age": 1}, {"age": None}]},
            "instances[1].age: input should be",
        ),
        ("/people", {"inputs": []}, "Unknown key `inputs`"),
        ("/people", {"instances": []}, "at least one row"),
        ("/frame", {"instances": [{"a": 1}, {"b": 1}]}, "instances[1]: field `a` is missing."),
        ("/frame", {"instances": [{"a": [1]}]}, "instances[0].a: expected a single value"),
        ("/frame", {"instances": []}, "at least one row"),
        ("/typed", {"instances": [[1, 2], [1]]}, "instances[1]: expected 2 numbers, got 1."),
        ("/mixed", {"rows": [[1, "a"]]}, 'rows[0][1]: expected a number, got the string "a".'),
        ("/mixed", {"rows": [[1]], "names": "a"}, 'names: expected a list, got the string "a".'),
        ("/sizes", {"instances": ["!"]}, "instances[0]: this is not base64."),
        (
            "/sizes",
            {"instances": [b64(b"x")]},
            "instances[0]: this is not an image that can be read.",
        ),
        ("/shout", {"text": 1}, "text: expected a string, got 1."),
        ("/nothing", {"a": 1}, "Unknown field `a`; expected none."),
    ],
)
def test_a_wrong_input_is_answered_with_field_expected_and_got(kinds, route, body, message):
    with pytest.raises(InvalidInput) as raised:
        kinds.ask(route, body)
    assert message in raised.value.detail


def test_limits_media_types_and_nan_are_refused(kinds):
    with pytest.raises(UnsupportedMediaType, match=r"send one of `application/json`"):
        kinds.ask("/point", b"a=1", content_type="application/x-www-form-urlencoded")
    with pytest.raises(PayloadTooLarge, match="5000 rows"):
        kinds.ask("/frames", {"instances": [{"a": 1}] * 5000})
    with pytest.raises(PredictionFailed, match="not a finite number"):
        kinds.ask("/nan")


STREAMS = """
    closed = []

    @mb.service
    class Sample:
        @mb.api
        def count(self, n: int) -> Iterator[int]:
            try:
                for i in range(n):
                    if i == 5:
                        raise RuntimeError("secret")
                    yield i
            finally:
                closed.append("count")
        @mb.api
        async def words(self, text: str) -> AsyncIterator[str]:
            try:
                for word in text.split():
                    yield word
            finally:
                closed.append("words")
        @mb.api
        def chunks(self, n: int) -> Iterator[bytes]:
            yield from (bytes([i]) for i in range(n))
        @mb.api
        def later(self, n: int) -> Iterator[int]:
            if n < 0:
                raise ValueError("secret")
            return iter(range(n))
        @mb.api
        def was_closed(self) -> list:
            while len(closed) < 2:
                time.sleep(0.001)
            return list(closed)
"""


@pytest.mark.filterwarnings("error")
def test_generators_stream_as_lines_events_text_and_bytes(tmp_path):
    async def main():
        async with served(tmp_path, STREAMS) as service:
            lines = ("application/x-ndjson", [b"0\n", b"1\n"])
            assert await service.parts("/count", {"n": 2}) == lines
            assert await service.parts("/later", {"n": 2}) == lines
            assert await service.parts("/count", {"n": 0}) == ("application/x-ndjson", [])
            events = await service.parts("/words", {"text": "a b"}, accept="text/event-stream")
            assert events == ("text/event-stream", [b'data: "a"\n\n', b'data: "b"\n\n'])
            text = await service.parts("/words", {"text": "a b"}, accept="text/plain")
            assert text == ("text/plain; charset=utf-8", [b"a", b"b"])
            raw = await service.parts("/chunks", {"n": 2})
            assert raw == ("application/octet-stream", [b"\0", b"\1"])

    run(main())


def test_an_error_before_the_first_item_has_a_status_and_later_ones_end_the_stream(
    tmp_path, caplog
):
    async def main():
        async with served(tmp_path, STREAMS) as service:
            with pytest.raises(PredictionFailed) as raised:
                await service.call("/later", {"n": -1})
            assert "secret" not in raised.value.detail
            _, parts = await service.parts("/count", {"n": 9})
            assert parts[-1] == b'{"error":"The model failed on this input."}\n'
            _, events = await service.parts("/count", {"n": 9}, accept="text/event-stream")
            assert events[-1].startswith(b"event: error\ndata: {")

    run(main())
    assert "secret" in caplog.text


def test_a_client_that_leaves_closes_the_generator(tmp_path):
    async def main():
        async with served(tmp_path, STREAMS) as service:
            for route, body in (("/words", {"text": "a b c"}), ("/count", {"n": 3})):
                stream = await service.call(route, body)
                assert await anext(stream.parts)
                await stream.parts.aclose()
            assert await service.json("/was_closed", {}) == ["words", "count"]

    run(main())


SLOW = """
    @mb.service
    class Sample:
        @mb.api
        async def sleep(self, n: float) -> str:
            await asyncio.sleep(n)
            return "done"
        @mb.api
        def block(self, n: float) -> str:
            time.sleep(n)
            return "done"
        @mb.api
        async def own(self) -> str:
            raise TimeoutError("secret")
"""


def test_a_deadline_ends_the_wait_and_the_authors_own_timeout_is_a_failure(tmp_path, caplog):
    async def main():
        async with served(tmp_path, SLOW, seconds=0.05) as service:
            for route in ("/sleep", "/block"):
                with pytest.raises(DeadlineExceeded):
                    await service.call(route, {"n": 0.2})
            service.seconds = 60.0
            with pytest.raises(PredictionFailed):
                await service.call("/own", {})

    run(main())


def test_too_many_running_calls_are_refused_at_once(tmp_path):
    from modelbundle.runtime.manifests.settings import QueueSettings

    async def main():
        queue = QueueSettings(max_rows=2)
        async with served(tmp_path, SLOW, queue=queue) as service:
            running = [asyncio.create_task(service.call("/sleep", {"n": 5})) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(Overloaded):
                await service.call("/sleep", {"n": 0})
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            assert await service.json("/sleep", {"n": 0}) == "done"

    run(main())


def test_headers_are_a_parameter_that_is_no_part_of_the_body(tmp_path):
    source = """
        @mb.service
        class Sample:
            @mb.api
            def who(self, text: str, headers: mb.Headers) -> dict:
                return {"text": text, "user": headers.get("X-User"), "some": len(headers) > 0}

            @mb.api
            async def items(self, headers: "mb.Headers", n: int = 1) -> AsyncIterator[str]:
                yield headers["x-USER"] * n
    """

    async def main():
        async with served(tmp_path, source) as service:
            asked = {"headers": {b"x-user": b"ada"}}
            answer = await service.json("/who", {"text": "a"}, **asked)
            assert answer == {"text": "a", "user": "ada", "some": True}
            assert (await service.json("/who", {"text": "a"}))["some"] is False
            assert (await service.call("/who", b"raw", "text/plain", **asked)).body
            with pytest.raises(InvalidInput, match="Unknown field `headers`; expected `text`"):
                await service.json("/who", {"text": "a", "headers": {}})
            _, parts = await service.parts("/items", {"n": 2}, **asked)
            assert parts == [b'"adaada"\n']
            route = next(each for each in service.host.routes if each.path == "/who")
            assert route.input["headers"] is True
            assert list(route.input["schema"]["properties"]) == ["text"]

    run(main())


def test_what_starlette_and_fastapi_raise_is_what_the_client_is_told(tmp_path, caplog):
    source = """
        from starlette.exceptions import HTTPException

        @mb.service
        class Sample:
            @mb.api
            def sync(self, status: int) -> str:
                raise HTTPException(status, "No such user.", {"WWW-Authenticate": "Bearer", "Retry-After": "7"})

            @mb.api
            async def items(self, status: int) -> AsyncIterator[str]:
                raise HTTPException(status, "No such user.")
                yield
    """

    async def main():
        async with served(tmp_path, source) as service:
            for path in ("/sync", "/items"):
                with pytest.raises(RequestError) as told:
                    await service.call(path, {"status": 404})
                assert (told.value.status, told.value.detail) == (404, "No such user.")
                if path == "/sync":
                    assert told.value.headers["www-authenticate"] == "Bearer"
                    assert told.value.retry_after == 7
            assert "failed" not in caplog.text
            with pytest.raises(PredictionFailed):  # no error of HTTP: a defect
                await service.call("/sync", {"status": 200})

    run(main())


def test_a_sync_decorator_or_a_forgotten_await_hands_on_what_is_awaited(tmp_path, caplog):
    source = """
        import functools

        def noted(function):
            @functools.wraps(function)
            def around(*given, **named):
                return function(*given, **named)
            return around

        @mb.service
        class Sample:
            def __init__(self):
                self.net = mb.model("net")

            @mb.api
            @noted
            async def decorated(self, x: int) -> int:
                await asyncio.sleep(0)
                return x + 1

            @mb.api
            async def forgotten(self, rows: np.ndarray) -> np.ndarray:
                return self.net(rows)

            @mb.api
            def lazy(self) -> list:
                return (n for n in range(3))

            @mb.api
            @noted
            async def words(self, text: str) -> AsyncIterator[str]:
                for word in text.split():
                    yield word
    """

    async def main():
        async with served(tmp_path, source, models={"net": Doubler()}) as service:
            assert await service.json("/decorated", {"x": 1}) == 2
            rows = {"instances": [[1, 2]]}
            assert await service.json("/forgotten", rows) == {"predictions": [[2.0, 4.0]]}
            with pytest.raises(PredictionFailed, match="a `generator`, which is not JSON"):
                await service.call("/lazy")
            assert "`lazy` failed: The model answered with a `generator`" in caplog.text
            _, parts = await service.parts("/words", {"text": "a b"})
            assert b"".join(parts) == b'"a"\n"b"\n'

    run(main())


def test_a_model_in_the_place_of_an_api_is_told(tmp_path):
    source = """
        @mb.service
        class Sample:
            def __init__(self):
                self.a = mb.model("net")
            @mb.api
            def a(self) -> int: return 1
    """

    async def main():
        async with served(tmp_path, source, models={"net": Doubler()}):
            pass

    with pytest.raises(BundleError, match=r"`Sample` cannot start: `self.a` is a model, and hides"):
        run(main())


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ('raise RuntimeError("no\\nlicense")', "`Sample` cannot start: RuntimeError: no license."),
        ('mb.model("nett")', "`Sample` cannot start: The bundle has no model `nett`."),
        ('open("/no/such/file")', "`Sample` cannot start: FileNotFoundError:"),
    ],
)
def test_an_error_in_init_is_one_line_and_the_traceback_is_in_the_log(
    tmp_path, caplog, init, message
):
    source = f"""
        @mb.service
        class Sample:
            def __init__(self):
                {init}
            @mb.api
            def a(self) -> int: return 1
    """

    async def main():
        async with served(tmp_path, source):
            pass

    with pytest.raises(BundleError) as raised:
        run(main())
    place, _, said = str(raised.value).partition(": ")
    assert re.fullmatch(r"service\w*\.py:\d+", place)
    assert said.startswith(message)
    assert "\n" not in said


@pytest.mark.parametrize("definition", ["async def aclose(self)", "def close(self)"])
def test_close_is_called_once_and_the_modules_are_forgotten(tmp_path, definition):
    source = f"""
        from pathlib import Path
        @mb.service
        class Sample:
            @mb.api
            def a(self) -> int: return 1
            {definition}:
                with open(Path(__file__).with_name("closed"), "a") as file:
                    file.write("x")
    """

    async def main():
        async with served(tmp_path, source) as service:
            assert await service.json("/a", {}) == 1
            assert not (tmp_path / "closed").exists()

    run(main())
    assert (tmp_path / "closed").read_text() == "x"
    files = [str(getattr(module, "__file__", "")) for module in sys.modules.values()]
    assert not [file for file in files if file.startswith(str(tmp_path))]
    assert str(tmp_path) not in sys.path


def test_a_failing_close_is_logged_and_stops_nothing(tmp_path, caplog):
    source = """
        @mb.service
        class Sample:
            @mb.api
            def a(self) -> int: return 1
            def close(self): raise RuntimeError("stuck")
    """

    async def main():
        async with served(tmp_path, source):
            pass

    run(main())
    assert "stuck" in caplog.text


def test_sync_methods_run_beside_each_other(tmp_path):
    source = """
        barrier = threading.Barrier(2)

        @mb.service
        class Sample:
            @mb.api
            def meet(self) -> int:
                return barrier.wait(timeout=90)
    """

    async def main():
        async with served(tmp_path, source) as service:
            answers = await asyncio.gather(service.json("/meet", {}), service.json("/meet", {}))
        assert sorted(answers) == [0, 1]

    run(main())


def test_tensors_are_answers_too(tmp_path):
    source = """
        import torch
        @mb.service
        class Sample:
            @mb.api(batchable=True)
            def double(self, rows: np.ndarray):
                return torch.from_numpy(rows) * 2
    """

    async def main():
        async with served(tmp_path, source) as service:
            return await service.json("/double", {"instances": [[1, 2]]})

    assert run(main()) == {"predictions": [[2.0, 4.0]]}
