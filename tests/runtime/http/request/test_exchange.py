"""One request and its answer."""

import asyncio

import pytest

from modelbundle.runtime.dialects.reply import Reply
from modelbundle.runtime.http.request.exchange import Exchange


@pytest.mark.parametrize("sent", [0, 1, 2])
def test_a_stream_whose_client_leaves_is_closed_at_once(sent):
    closed = []

    async def count():
        try:
            for number in range(3):
                yield b"%d" % number
        finally:
            closed.append(True)

    async def main():
        parts, messages = count(), []
        await anext(parts)

        async def send(message):
            if len(messages) == sent:
                raise asyncio.CancelledError
            messages.append(message)

        exchange = Exchange({"headers": [], "method": "POST", "path": "/count"})
        with pytest.raises(asyncio.CancelledError):
            await exchange.answer(Reply(parts), send)
        assert closed == [True]

    asyncio.run(main())
