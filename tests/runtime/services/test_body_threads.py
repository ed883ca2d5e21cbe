"""Images and large bodies are decoded beside the event loop: a file of 2 KB can take seconds."""

import asyncio

import numpy as np
import pytest

from modelbundle.runtime.errors import DeadlineExceeded, InvalidInput, Overloaded
from modelbundle.runtime.manifests.settings import QueueSettings
from modelbundle.runtime.services.contract.answer import is_much

from .service_project import served

SLOW = """
    from PIL import Image, ImageFile

    OPENED = threading.Event()

    class Slow(ImageFile.ImageFile):
        '''A file of "SLOW": its pixels come when somebody has called `open`.'''
        format = "SLOW"

        def _open(self):
            if self.fp.read(4) != b"SLOW":
                raise SyntaxError("another format")
            self._size, self._mode = (2, 2), "L"

        def load(self):
            assert OPENED.wait(60)
            self.im = Image.new("L", (2, 2), 7).im

    Image.register_open("SLOW", Slow, lambda head: head.startswith(b"SLOW"))

    @dataclass
    class Note:
        picture: Image.Image

    @mb.service
    class Sample:
        @mb.api
        def noted(self, note: Note) -> int:
            return note.picture.getpixel((0, 0))

        @mb.api
        def corner(self, image: Image.Image) -> int:
            return image.getpixel((0, 0))

        @mb.api(batchable=True)
        def corners(self, images: list[Image.Image]) -> list[int]:
            return [image.getpixel((0, 0)) for image in images]

        @mb.api
        def open(self) -> None:
            OPENED.set()
"""
BODIES = {
    "/corner": {"content_type": "image/slow", "body": b"SLOW"},
    "/corners": {"body": b'{"instances": ["U0xPVw=="]}'},
    "/noted": {"body": b'{"picture": "U0xPVw=="}'},
}


@pytest.mark.parametrize("path", BODIES)
def test_an_image_that_takes_long_holds_up_no_other_request(tmp_path, path):
    """The other request ends it: on the event loop it would never be read."""

    async def main():
        async with served(tmp_path, SLOW, seconds=50.0) as service:
            slow = asyncio.ensure_future(service.call(path, **BODIES[path]))
            await asyncio.sleep(0.05)
            await service.json("/open", {})
            assert b"7" in (await slow).body

    asyncio.run(main())


def test_its_deadline_holds_while_it_is_read(tmp_path):
    async def main():
        async with served(tmp_path, SLOW, seconds=0.2) as service:
            with pytest.raises(DeadlineExceeded, match="before the body was read"):
                await service.call("/corner", **BODIES["/corner"])
            service.seconds = 50.0
            await service.json("/open", {})
            assert (await service.call("/corner", **BODIES["/corner"])).body == b"7"

    asyncio.run(main())


def test_bodies_that_wait_to_be_read_count_as_requests(tmp_path):
    async def main():
        async with served(tmp_path, SLOW, seconds=50.0, queue=QueueSettings(max_rows=2)) as service:
            first = [service.call("/corner", **BODIES["/corner"]) for _ in range(2)]
            first = asyncio.gather(*first)
            await asyncio.sleep(0.05)
            with pytest.raises(Overloaded):
                await service.call("/corner", **BODIES["/corner"])
            await service.json("/open", {})
            assert [each.body for each in await first] == [b"7", b"7"]

    asyncio.run(main())


def test_what_is_wrong_with_an_image_is_told_as_ever(tmp_path):
    async def main():
        async with served(tmp_path, SLOW) as service:
            with pytest.raises(InvalidInput, match="not an image"):
                await service.call("/corner", b"no image", "image/png")

    asyncio.run(main())


WRITTEN = """
    from PIL import Image

    OPENED = threading.Event()

    class Slow(Image.Image):
        '''An image that is written when somebody has called `open`.'''
        def save(self, *given, **named):
            assert OPENED.wait(60)
            Image.new("L", (2, 2), 7).save(*given, **named)

    def slow():
        image = Slow()
        image._mode, image._size = "L", (2, 2)
        return image

    @mb.service
    class Sample:
        @mb.api
        def image(self) -> Image.Image:
            return slow()

        @mb.api
        def named(self) -> dict[str, Image.Image]:
            return {"image": slow()}

        @mb.api(batchable=True)
        def images(self, rows: list[int]) -> list[Image.Image]:
            return [slow() for _ in rows]

        @mb.api
        def stream(self) -> Iterator[Image.Image]:
            yield slow()

        @mb.api
        def open(self) -> None:
            OPENED.set()
"""


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/image", {"accept": "image/png"}),
        ("/image", {}),
        ("/named", {}),
        ("/images", {"body": b'{"instances": [1]}'}),
        ("/stream", {}),
    ],
)
def test_an_image_that_is_written_for_long_holds_up_no_other_request(tmp_path, path, asked):
    """Nor does each part of a stream."""

    async def main():
        async with served(tmp_path, WRITTEN, seconds=50.0) as service:
            slow = asyncio.ensure_future(service.call(path, **({"body": b"{}"} | asked)))
            await asyncio.sleep(0.05)
            await service.json("/open", {})
            answer = await slow
            parts = getattr(answer, "parts", None)
            body = b"".join([part async for part in parts]) if parts else answer.body
            assert body.startswith(b"\x89PNG") or b'"iVBORw0KGgo' in body

    asyncio.run(main())


NOTED = """
    PLACES = set()

    def note():
        PLACES.add(threading.current_thread().name.partition("_")[0])

    @dataclass
    class Item:
        number: float

        def __post_init__(self):
            note()

    class Answer(dict):
        def items(self):
            note()
            return super().items()

    @mb.service
    class Sample:
        @mb.api
        def take(self, items: list[Item]) -> list[str]:
            found, _ = sorted(PLACES), PLACES.clear()
            return found

        @mb.api
        def say(self, count: int) -> dict:
            return Answer(numbers=[[0.5]] * count)

        @mb.api
        async def tell(self, count: int) -> dict:
            return Answer(numbers=[[0.5]] * count)

        @mb.api
        def places(self) -> list[str]:
            found, _ = sorted(PLACES), PLACES.clear()
            return found
"""


def test_much_is_read_and_written_beside_the_loop(tmp_path):
    """Little is not; nor is what an async method may change while it is written."""

    async def main():
        async with served(tmp_path, NOTED, seconds=50.0) as service:
            for count, place in [(1, "MainThread"), (1 << 13, "modelbundle-body")]:
                items = [{"number": 0.5}] * count
                assert await service.json("/take", {"items": items}) == [place]
            for path, count, place in [
                ("/say", 1, "MainThread"),
                ("/say", 1 << 15, "modelbundle-body"),
                ("/tell", 1 << 15, "MainThread"),
            ]:
                told = await service.json(path, {"count": count})
                assert told == {"numbers": [[0.5]] * count}
                assert await service.json("/places", {}) == [place]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("result", "much"),
    [
        ("x" * (1 << 17), True),
        ("x" * 1000, False),
        (np.zeros(1 << 14), True),
        (np.zeros(1 << 10), False),
        ([{"a": "text", "b": [1.0, 2.0]}] * (1 << 13), True),
        ([{"a": "text", "b": [1.0, 2.0]}] * 100, False),
        ({str(number): number for number in range(1 << 14)}, True),
        ([], False),
        (None, False),
        ([[[[[[[1]]]]]]], False),
    ],
)
def test_what_is_much(result, much):
    assert is_much(result) == much
