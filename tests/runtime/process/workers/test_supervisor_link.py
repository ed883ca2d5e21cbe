"""What a front tells its supervisor, and what becomes of a front without one."""

import asyncio
import threading
from contextlib import suppress
from functools import partial

import httpx
import uvloop

from modelbundle.runtime.process.crew.control import ControlPair
from modelbundle.runtime.process.workers.front_server import FrontServer

from ...conftest import wait_until
from ..watched import alive, children
from .test_front_server import Hangs

EVENTS = 100  # more than fit into a socket


async def tell_all():
    """The numbers of the events that arrive at a supervisor that reads late."""
    pair, heard = ControlPair(), []
    line = pair.front
    line.on_full = partial(FrontServer._flush_later, line)
    pair.supervisor.on_event = heard.append
    for number in range(EVENTS):
        line.send("failed", number=number, why="x" * 10_000)
    while len(heard) < EVENTS:
        assert pair.supervisor.read()
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    is_watched = asyncio.get_running_loop().remove_writer(line.fileno())
    pair.close()
    return [event["number"] for event in heard], is_watched


def test_what_its_supervisor_has_no_time_to_read_is_told_later():
    """Or a load would wait for ever for the report of this front."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        told, is_watched = runner.run(asyncio.wait_for(tell_all(), 60))
    assert told == list(range(EVENTS))
    assert not is_watched, "it would turn without end"


def test_a_front_that_cannot_end_is_ended_though_its_supervisor_is_gone(
    make_bundle, servers, tmp_path_factory
):
    """A thread of its own never comes back from the model, and nobody is there to kill it."""
    hurry = tmp_path_factory.mktemp("hurry")
    (hurry / "sitecustomize.py").write_text(
        "from modelbundle.runtime.process.workers import front_server\n"
        "front_server.LAST_RESORT = 0.2\n"
    )
    bundle = make_bundle(Hangs(), drain_timeout=0.2, timeout=60)
    options, env = ("--isolation=thread", "--workers=2"), {"PYTHONPATH": str(hurry)}
    server = servers.start(bundle, *options, env=env)

    def ask():
        with suppress(httpx.TransportError):
            server.post([[-5, 1]])

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: server.in_flight() >= 1)
    orphans = children(server.process.pid)
    server.process.kill()
    wait_until(lambda: not any(alive(pid) for pid in orphans))
    asking.join()
