"""What a client on an event loop says when there is nobody."""

import asyncio

import pytest

from modelbundle.client import AsyncClient, Unreachable


@pytest.mark.parametrize("host", ["a..b", "a" * 64])
def test_what_can_be_no_hosts_name_does_not_answer(host):
    with pytest.raises(Unreachable, match="does not answer"):
        asyncio.run(AsyncClient(f"http://{host}", retries=0).contract())
