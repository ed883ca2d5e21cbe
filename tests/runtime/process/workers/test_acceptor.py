import asyncio
import socket

from modelbundle.runtime.hosting.readiness import Readiness
from modelbundle.runtime.process.workers.acceptor import Acceptor


def test_one_that_is_closed_while_it_opens_accepts_nobody():
    """asyncio's own loop lets others run while a server is made; uvloop may."""

    async def scenario(listener):
        accepted = []

        def connect():
            accepted.append(True)
            return asyncio.Protocol()

        acceptor = Acceptor(connect, (), Readiness())
        acceptor.adopt([listener])
        opening = asyncio.create_task(acceptor.open())
        await asyncio.sleep(0)
        acceptor.close()
        await opening
        with socket.create_connection(listener.getsockname()):
            await asyncio.sleep(0.05)
        assert not acceptor.is_open
        await acceptor.open()
        while not accepted:  # noqa: ASYNC110  # whoever waits is accepted after all
            await asyncio.sleep(0.01)
        acceptor.close()
        return accepted

    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert asyncio.run(asyncio.wait_for(scenario(listener), 60)) == [True]
