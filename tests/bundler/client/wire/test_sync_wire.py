"""Both wires: the timeout of a call is for all of it, and connections are of one process and loop."""

import asyncio
import os
from pathlib import Path

from modelbundle.bundler.client.wire.address import Address
from modelbundle.bundler.client.wire.async_wire import AsyncWire
from modelbundle.bundler.client.wire.reply import Lost
from modelbundle.bundler.client.wire.request import Request
from modelbundle.bundler.client.wire.sync_wire import SyncWire

from ..conftest import scripted


def test_an_answer_that_trickles_in_is_late(trickling):
    reply = SyncWire(Address.of(trickling)).send(Request("POST", "/predict", b"{}"), 0.5)
    assert isinstance(reply, Lost)
    assert reply.is_late


def test_so_it_is_where_it_is_awaited(trickling):
    reply = asyncio.run(
        AsyncWire(Address.of(trickling)).send(Request("POST", "/predict", b"{}"), 0.5)
    )
    assert isinstance(reply, Lost)
    assert reply.is_late


ASKED = Request("POST", "/predict", b"{}")


def test_a_process_that_is_forked_has_connections_of_its_own():
    """On one connection, two processes read one another's answers."""
    with scripted() as (url, _):
        wire = SyncWire(Address.of(url))
        assert wire.send(ASKED, 30).is_ok
        before = sockets()
        child = os.fork()
        if not child:
            is_new = wire.send(ASKED, 30).is_ok and sockets() > before
            os._exit(0 if is_new else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert wire.send(ASKED, 30).is_ok
        wire.close()


def sockets():
    """How many this process has."""
    return sum(each.is_socket() for each in Path("/proc/self/fd").iterdir())


def test_each_event_loop_has_connections_of_its_own():
    with scripted() as (url, _), asyncio.Runner() as one, asyncio.Runner() as other:
        wire = AsyncWire(Address.of(url))
        for loop in (one, other, one):
            assert loop.run(wire.send(ASKED, 5)).is_ok
        for loop in (one, other):
            loop.run(wire.close())
