"""The timeout of a call is for all of it, however its answer trickles."""

import asyncio

from modelbundle.bundler.client.wire.address import Address
from modelbundle.bundler.client.wire.async_wire import AsyncWire
from modelbundle.bundler.client.wire.reply import Lost
from modelbundle.bundler.client.wire.request import Request
from modelbundle.bundler.client.wire.sync_wire import SyncWire


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
