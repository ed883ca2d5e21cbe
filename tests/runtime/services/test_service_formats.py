"""A service takes forms and files, and gives tables in every format."""

import asyncio
import base64
import io
import json

import msgpack
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from modelbundle.runtime.data import media
from modelbundle.runtime.errors import (
    BadPayload,
    InvalidInput,
    NotAcceptable,
    PayloadTooLarge,
    UnsupportedMediaType,
)

from ..data import bodies
from .service_project import served

SOURCE = """
import pandas as pd
from PIL import Image
from typing import Literal

@mb.service
class Sample:
    @mb.api
    def total(self, rows: np.ndarray) -> np.ndarray:
        return rows.sum(axis=1)

    @mb.api
    def older(self, people: pd.DataFrame) -> pd.DataFrame:
        return people.assign(age=people["age"] + 1)

    @mb.api
    def crop(self, image: Image.Image, width: int, mode: Literal["fit", "cut"] = "fit") -> dict:
        return {"was": image.width, "width": width, "mode": mode}

    @mb.api
    def sizes(self, files: list[bytes], note: str = "") -> list[int]:
        return [len(each) for each in files] + [len(note)]

    @mb.api(batchable=True)
    def widths(self, images: list[Image.Image]) -> list[int]:
        return [image.width for image in images]

    @mb.api
    def blend(self, a: np.ndarray, b: np.ndarray, share: float = 0.5) -> np.ndarray:
        return a * share + b * (1 - share)

    @mb.api
    def text(self, words: str) -> str:
        return words.upper()
"""
PEOPLE = {"name": ["Ann", "Bo"], "age": [41, 17]}
OLDER = [{"name": "Ann", "age": 42}, {"name": "Bo", "age": 18}]


@pytest.fixture
def ask(tmp_path):
    """Post to the service: `ask("/total", body, content_type)`."""

    def run(path, body, content_type, accept="", **settings):
        async def call():
            async with served(tmp_path, SOURCE, **settings) as service:
                return await service.call(path, body, content_type=content_type, accept=accept)

        return asyncio.run(call())

    return run


def answer(payload):
    return json.loads(payload.body)


def picture(width):
    file = io.BytesIO()
    Image.new("RGB", (width, 3)).save(file, "PNG")
    return file.getvalue()


def texture():
    """A picture in a compression that nobody knows, which PIL is not prepared for."""
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, "DDS")
    known = file.getvalue()
    return known[:80] + (4).to_bytes(4, "little") + b"ABCD" + known[88:]


def test_rows_come_in_every_format(ask):
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    for kind, body in bodies.of_array(rows).items():
        assert answer(ask("/total", body, kind)) == {"predictions": [3.0, 7.0]}, kind
    form = bodies.form(("rows", bodies.npy(rows), "rows.npy"))
    assert answer(ask("/total", *form)) == {"predictions": [3.0, 7.0]}


def test_tables_come_in_every_format_that_has_names(ask):
    for kind, body in bodies.of_columns(PEOPLE).items():
        assert answer(ask("/older", body, kind)) == {"predictions": OLDER}, kind
    form = bodies.form(("people", bodies.parquet(pa.table(PEOPLE)), "people.parquet"))
    assert answer(ask("/older", *form)) == {"predictions": OLDER}
    with pytest.raises(UnsupportedMediaType):
        ask("/older", bodies.npy(np.ones((2, 2))), media.NPY)


def test_tables_are_given_in_every_format(ask):
    body = bodies.of_columns(PEOPLE)[media.JSON]
    frame = pd.DataFrame(OLDER)
    parquet = ask("/older", body, media.JSON, accept=media.PARQUET)
    assert pq.read_table(io.BytesIO(parquet.body)).to_pylist() == OLDER
    assert (
        ask("/older", body, media.JSON, accept=media.CSV).body
        == frame.to_csv(index=False, lineterminator="\r\n").encode()
    )
    packed = ask("/older", body, media.JSON, accept=f"{media.JSON};q=0.1, {media.MSGPACK}")
    assert msgpack.unpackb(packed.body) == {"predictions": OLDER}


def test_a_form_fills_the_parameters(ask):
    form = bodies.form(
        ("image", picture(7), "x.png", "image/png"), ("width", b"5"), ("mode", b"cut")
    )
    assert answer(ask("/crop", *form)) == {"was": 7, "width": 5, "mode": "cut"}
    files = bodies.form(("files", b"abc", "a"), ("files", b"de", "b"), ("note", b"123"))
    assert answer(ask("/sizes", *files)) == [3, 2, 3]
    one = bodies.form(("files", b"abc", "a"))
    assert answer(ask("/sizes", *one)) == [3, 0]
    arrays = bodies.form(
        ("a", bodies.npy(np.ones(2)), "a.npy"),
        ("b", bodies.npy(np.zeros(2)), "b.npy"),
        ("share", b"0.25"),
    )
    assert answer(ask("/blend", *arrays)) == {"predictions": [0.25, 0.25]}
    assert ask("/text", *bodies.form(("words", b"12"))).body == b'"12"'


def test_files_of_a_batchable_method_are_a_row_each(ask):
    form = bodies.form(*(("image", picture(width), f"{width}.png") for width in (4, 9)))
    assert answer(ask("/widths", *form)) == {"predictions": [4, 9]}
    with pytest.raises(PayloadTooLarge):
        ask("/widths", *form, max_rows=1)


@pytest.mark.parametrize(
    ("path", "form", "words"),
    [
        ("/crop", bodies.form(("image", b"junk", "x.png")), "not an image"),
        ("/crop", bodies.form(("image", texture(), "x.dds"), ("width", b"5")), "not an image"),
        ("/crop", bodies.form(("width", b"5")), "image"),
        (
            "/crop",
            bodies.form(("image", picture(2), "x.png"), ("width", b"wide")),
            "a whole number",
        ),
        ("/text", bodies.form(("words", b"\xff")), "not UTF-8"),
        ("/blend", bodies.form(("a", b"junk", "a.npy")), "npy"),
        ("/crop", bodies.form(("a", b"", "f", "multipart/form-data; boundary=q")), "not multipart"),
    ],
)
def test_what_is_wrong_with_a_form_is_said(ask, path, form, words):
    with pytest.raises((InvalidInput, BadPayload), match=words):
        ask(path, *form)


def test_who_takes_nothing_of_it_is_told_so_first(ask):
    with pytest.raises(NotAcceptable, match="application/json"):
        ask("/total", b"junk", media.NPY, accept="text/html")
    with pytest.raises(NotAcceptable, match="text/plain"):
        ask("/text", b"junk", "text/plain", accept="image/png")


def test_what_the_settings_leave_out_is_refused(ask):
    with pytest.raises(UnsupportedMediaType, match="`parquet`"):
        ask("/older", bodies.parquet(pa.table(PEOPLE)), media.PARQUET, formats=("arrow",))
    answered = ask("/older", bodies.stream(pa.table(PEOPLE)), media.ARROW, formats=("arrow",))
    assert answer(answered) == {"predictions": OLDER}


def test_a_bomb_is_refused_here_too(ask):
    zeros = bodies.npz(compressed=True, x=np.zeros((3, 1_000_000)))
    with pytest.raises(PayloadTooLarge):
        ask("/total", zeros, media.NPZ, max_body=100_000)


def test_the_images_of_a_request_have_as_many_pixels_together_as_pil_allows_one(ask, monkeypatch):
    """A file of 2 KB becomes gigabytes, and there may be thousands in one body."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60)
    two, three = ([picture(10)] * count for count in (2, 3))
    for images in (two, two):
        form = bodies.form(*(("images", each, "x.png") for each in images))
        assert answer(ask("/widths", *form)) == {"predictions": [10, 10]}
    with pytest.raises(PayloadTooLarge):
        ask("/widths", *bodies.form(*(("images", each, "x.png") for each in three)))
    encoded = {"instances": [base64.b64encode(each).decode() for each in three]}
    with pytest.raises(PayloadTooLarge):
        ask("/widths", json.dumps(encoded).encode(), media.JSON)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert answer(ask("/widths", picture(100), "image/png")) == {"predictions": [100]}


def test_an_image_that_is_a_program_is_not_run(ask):
    """PIL would hand PostScript to Ghostscript."""
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, "EPS")
    with pytest.raises(InvalidInput, match="EPS images are not read"):
        ask("/widths", file.getvalue(), "application/postscript")
