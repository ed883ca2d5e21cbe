"""What a service sends item by item."""

import pytest

from modelbundle.runtime.errors import PredictionFailed

from .service_project import run, served

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
