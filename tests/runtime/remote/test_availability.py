"""Whether a model's processes are there: who waits, and who is told what."""

import asyncio
from types import SimpleNamespace

from modelbundle.runtime.remote.availability import TRIES, Availability
from modelbundle.runtime.remote.channel import Channel
from modelbundle.runtime.remote.message import Ready
from modelbundle.runtime.remote.model_link import ModelLink


class Told:
    """Notes what it is told."""

    def __init__(self):
        self.said = []

    def missing(self, name, why):
        self.said.append(("missing", name, why))

    def found(self, name):
        self.said.append(("found", name))

    def broken(self, name, why):
        self.said.append(("broken", name, why))

    def since(self):
        said, self.said = self.said, []
        return said


def change(link, **now):
    vars(link).update(now)
    link.on_change(link)


def test_a_model_is_there_while_one_of_its_processes_is():
    async def scenario():
        first, second = (SimpleNamespace(is_ready=False, losses=0, why="") for _ in range(2))
        told = Told()
        availability = Availability("iris", [first, second], told)
        waiting = asyncio.create_task(availability.arrival())
        change(first, losses=TRIES)
        await asyncio.sleep(0)
        assert told.since() == []  # it has not been there yet: whoever loads it tells
        assert not waiting.done()
        change(second, is_ready=True)
        await waiting
        assert told.since() == [("found", "iris")]
        change(first, is_ready=True, losses=0)
        change(second, is_ready=False, why="was killed by SIGSEGV")
        assert told.since() == [("found", "iris")] * 2
        change(first, is_ready=False, why="was killed by SIGKILL")
        assert told.since() == [
            ("missing", "iris", "`iris` was killed by SIGKILL and is being started again")
        ]

    asyncio.run(scenario())


def test_nobody_waits_for_what_dies_again_and_again_in_each_of_its_places():
    async def scenario():
        first, second = (SimpleNamespace(is_ready=True, losses=0, why="") for _ in range(2))
        told = Told()
        Availability("iris", [first, second], told)
        for each in (first, second):
            change(each, is_ready=False)
        told.since()
        change(first, losses=TRIES)
        assert told.since() == [("missing", "iris", "`iris` is being started again")]
        change(second, losses=TRIES - 1)
        assert [what for what, *_ in told.since()] == ["missing"]
        change(second, losses=TRIES, why="has exited")
        assert told.since()[1:] == [("broken", "iris", "it has exited and cannot be started again")]

    asyncio.run(scenario())


def test_a_link_tells_of_each_process_that_dies_before_it_is_ready():
    """What has been ready once begins anew."""
    told, channel = Told(), Channel.create()
    link, ready = ModelLink(channel, "iris", 0, lambda *_: None), asyncio.Event()

    async def begin(generation):
        channel.model.send(Ready(0.0, 0, 1).encode(generation))
        async with asyncio.timeout(90):
            await ready.wait()
        ready.clear()
        assert told.since()[-1] == ("found", "iris")

    def lose(*generations):
        for generation in generations:
            link.born(generation)
            link.died(generation, "has exited")
        return [what for what, *_ in told.since()]

    async def scenario():
        Availability("iris", [link], told)
        link.start(asyncio.get_running_loop(), ready.set)
        await begin(1)
        assert lose(1) == ["missing"]
        assert lose(*range(2, 2 + TRIES)) == ["missing"] * TRIES + ["broken"]
        await begin(10)
        assert lose(10) == ["missing"]
        assert lose(11) == ["missing"]
        link.close()

    asyncio.run(scenario())
