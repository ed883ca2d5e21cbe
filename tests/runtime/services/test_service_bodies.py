"""What a service is sent and sends back: JSON, text, bytes, images, arrays and frames."""

import asyncio
import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from modelbundle.runtime.errors import (
    InvalidInput,
    PayloadTooLarge,
    PredictionFailed,
    UnsupportedMediaType,
)

from .service_project import run, served

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
