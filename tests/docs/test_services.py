"""docs/services.md: its examples are read by the build, served, and run."""

import asyncio
import re

import numpy as np
import pytest

from modelbundle.bundler.building.service.service_source import read_service
from modelbundle.runtime.batching.observer import NullObserver
from modelbundle.runtime.batching.policy.window import Limits
from modelbundle.runtime.errors import InvalidInput
from modelbundle.runtime.manifests.settings import ServeSettings
from modelbundle.runtime.models.operation import Call
from modelbundle.runtime.services.model_handle import Models
from modelbundle.runtime.services.service_host import ServiceHost


class Half:
    methods = ("predict", "predict_proba")

    async def __call__(self, batch, method=None):
        return self.direct(batch, method)

    def direct(self, batch, method=None):
        return np.full((len(batch), 2), 0.5)


@pytest.fixture(scope="module")
def blocks(checkout):
    text = (checkout / "docs" / "services.md").read_text()
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


async def answers(directory, target, *calls):
    """The bodies that the service gives, one a call: a path, a body and, where it matters, headers."""
    source = read_service(directory, target)
    settings = ServeSettings()
    host = ServiceHost(
        target, directory, source.routes, settings, lambda _: (Limits(), NullObserver())
    )
    await host.start(Models({"net": Half()}, asyncio.get_running_loop()))
    assert host.routes == source.routes
    try:
        deadline = asyncio.get_running_loop().time() + 60
        return [
            await host.operations[path](
                Call(body, "application/json", "", deadline, headers=dict(*headers))
            )
            for path, body, *headers in calls
        ]
    finally:
        await host.stop()


def test_the_first_example_is_built_and_served(tmp_path, blocks):
    (tmp_path / "docs_fraud.py").write_text(blocks[0])
    predicted, explained = asyncio.run(
        answers(
            tmp_path,
            "docs_fraud:Fraud",
            ("/predict", b'{"instances": [[1, 2], [3, 4]]}'),
            ("/explain", b'{"amount": 3}'),
        )
    )
    assert predicted.body == b'{"predictions":[0.5,0.5]}'
    assert explained.body == b'{"country":"NO","suspicious":false}'


def test_the_example_of_types_is_built_and_served(tmp_path, blocks):
    (tmp_path / "docs_shop.py").write_text(blocks[1])

    async def main():
        checked, countries, words = await answers(
            tmp_path,
            "docs_shop:Shop",
            ("/check", b'{"amount": 2000}'),
            ("/countries", b'{"instances": [{"amount": 1}, {"amount": 2, "country": "SE"}]}'),
            ("/words", b'{"text": "a b"}'),
        )
        assert checked.body == b'{"large":true}'
        assert countries.body == b'{"predictions":["NO","SE"]}'
        assert [part async for part in words.parts] == [b'"a"\n', b'"b"\n']
        with pytest.raises(InvalidInput, match="amount must not be negative"):
            await answers(tmp_path, "docs_shop:Shop", ("/check", b'{"amount": -1}'))

    asyncio.run(main())


def test_the_example_of_headers_is_built_and_served(tmp_path, blocks, monkeypatch):
    monkeypatch.setenv("LIMITS_KEY", "secret")
    (tmp_path / "docs_limits.py").write_text(blocks[2])

    async def main():
        return await answers(
            tmp_path,
            "docs_limits:Limits",
            ("/limit", b'{"amount": 30}', {b"x-user": b"guest"}),
            ("/limit", b'{"amount": 30}', {b"x-user": b"ann"}),
        )

    assert [found.body for found in asyncio.run(main())] == [b"10.0", b"30.0"]


def test_the_example_of_a_test_passes(blocks):
    space = {"__name__": "docs_example"}
    exec(blocks[0], space)
    (own,) = (block for block in blocks if "using(Models(" in block)
    exec(own, space)
    assert isinstance(space["fraud"], space["Fraud"])
