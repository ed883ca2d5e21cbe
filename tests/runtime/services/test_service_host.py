import asyncio
import logging
import sys

import pytest

from modelbundle.runtime.errors import DeadlineExceeded, InvalidInput, Overloaded, PredictionFailed

from .service_project import Doubler, run, served

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
