import asyncio
import socket

from modelbundle.runtime.hosting.readiness import Readiness
from modelbundle.runtime.process.sockets.accept_queue import GLANCE
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


class Crowd:
    """More connections than there may be, until they are gone."""

    size = 1 << 40

    def __len__(self):
        return self.size


def test_one_that_is_closed_while_it_rests_stays_closed():
    """Else a front that ends would accept clients again as soon as others have gone."""

    async def scenario(listener):
        connections, readiness = Crowd(), Readiness()
        acceptor = Acceptor(asyncio.Protocol, connections, readiness)
        acceptor.adopt([listener])
        await acceptor.open()
        acceptor.count()
        rests = acceptor.is_open, acceptor.is_pausing, readiness.is_full
        acceptor.close()
        connections.size = 0
        await asyncio.sleep(2 * GLANCE)
        return rests, (acceptor.is_open, acceptor.is_pausing, readiness.is_full)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        rests, closed = asyncio.run(asyncio.wait_for(scenario(listener), 60))
    assert rests == (False, True, True)
    assert closed == (False, False, False)
