"""What a server says of paths that it does not have."""

import asyncio

import httpx

from modelbundle.runtime.http.site import site


class Empty:
    """A server that nothing has to be known of."""

    reason = None


def test_a_path_that_there_is_not_is_told_those_that_there_are_now():
    """Models are added and removed while a server runs; the bundle's own routes may be off."""
    paths = {}
    app = httpx.ASGITransport(site(Empty(), paths))

    async def told():
        async with httpx.AsyncClient(transport=app, base_url="http://x") as client:
            answer = await client.get("/none")
        assert answer.status_code == 404
        return answer.json()["error"]

    assert asyncio.run(told()) == "There is nothing at `/none`; there is GET /docs."
    paths |= {"/a": None, "/b": None}
    assert (
        asyncio.run(told())
        == "There is nothing at `/none`; there is POST /a, POST /b, and GET /docs."
    )
