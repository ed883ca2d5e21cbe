import asyncio
import errno
import socket
from typing import ClassVar

import uvloop

from modelbundle.runtime.process.workers.single_accept import SingleAccept


class Guest(asyncio.Protocol):
    """Says hello, and goes when told."""

    there: ClassVar[set] = set()

    def connection_made(self, transport):
        self.transport = transport
        self.there.add(transport)
        transport.write(b"hello")

    def connection_lost(self, exc):
        self.there.discard(self.transport)


async def greeted(client):
    return await asyncio.get_running_loop().sock_recv(client, 5)


def ran(scenario):
    async def main():
        Guest.there = set()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return await asyncio.wait_for(scenario(listener, asyncio.get_running_loop()), 60)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


async def come(listener, count):
    clients = [socket.socket() for _ in range(count)]
    for client in clients:
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, listener.getsockname())
    return clients


def test_no_more_come_in_than_there_is_room_for_and_nobody_is_dropped():
    async def scenario(listener, loop):
        opened = []

        def full():
            single = opened[-1]
            return len(Guest.there) + len(single.pending) >= 3

        def open_again():
            opened.append(SingleAccept(listener.dup(), Guest, full, rest))
            opened[-1].open(100)

        def rest():
            opened[-1].close()
            loop.call_soon(wait)

        def wait():
            assert len(Guest.there) <= 3
            if full():
                loop.call_later(0.001, wait)
            else:
                open_again()

        open_again()
        clients = await come(listener, 12)
        answers = []
        for client in clients:
            answers.append(await greeted(client))
            client.close()
        opened[-1].close()
        return answers

    assert ran(scenario) == [b"hello"] * 12


def test_where_no_descriptor_is_left_it_rests():
    class Empty(socket.socket):
        def accept(self):
            raise OSError(errno.EMFILE, "Too many open files")

    async def scenario(listener, loop):
        rested = loop.create_future()
        copy = listener.dup()
        single = SingleAccept(
            Empty(fileno=copy.detach()), Guest, lambda: False, lambda: rested.set_result(None)
        )
        single.open(100)
        clients = await come(listener, 1)
        await rested
        single.close()
        clients[0].close()
        return len(Guest.there)

    assert ran(scenario) == 0
