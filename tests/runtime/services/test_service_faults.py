"""What an author did otherwise is told: to the client, in the log, or when the service starts."""

import re

import pytest

from modelbundle.runtime.errors import BundleError, PredictionFailed, RequestError

from .service_project import Doubler, run, served


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
