"""A forked process keeps what it needs, and nothing of its supervisor or of the others."""

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from modelbundle.runtime.process.crew.crew import Crew, FrontSlot, ModelSlot, TemplateSlot
from modelbundle.runtime.process.crew.event_loop import EventLoop
from modelbundle.runtime.process.crew.process_table import ProcessTable

from ...conftest import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what is open")


def identities(descriptors):
    """What these descriptors are of; both ends of a pipe are the same."""
    found = set()
    for each in descriptors:
        with suppress(OSError):  # it was that of the directory which lists them
            stat = os.fstat(each)
            found.add((stat.st_dev, stat.st_ino))
    return found


def held():
    """What this process has open."""
    return identities(int(each.name) for each in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("kind", [FrontSlot, ModelSlot, TemplateSlot])
def test_it_has_nothing_in_common_with_others_but_its_own_channel(tmp_path, kind):
    """Else a line that its owner has closed would seem to be open, and memory be kept."""
    told = tmp_path / "told"

    def work(slot, on_ready):
        on_ready()
        if slot.name == last.name:
            (tmp_path / "telling").write_text(json.dumps(sorted(held())))
            (tmp_path / "telling").rename(told)
        time.sleep(60)

    models = [ModelSlot("a"), ModelSlot("b"), ModelSlot("c")]
    fronts = [FrontSlot(0, 0, models[:2]), FrontSlot(1, 1, models[2:])]
    templates = [TemplateSlot("a"), TemplateSlot("b")]
    slots = [*fronts, *templates, *models]
    last = [slot for slot in slots if isinstance(slot, kind)][-1]
    slots.remove(last)
    if isinstance(last, FrontSlot):
        slots = [slot for slot in slots if slot not in last.models]  # they come after it
    before = held()
    with EventLoop(()) as loop:
        table = ProcessTable(
            loop, lambda slot: lambda on_ready: work(slot, on_ready), *[lambda *_: None] * 3
        )
        table.crews.append(Crew(fronts, templates))
        try:
            for slot in (*slots, last):
                table.fill(slot)
            wait_until(told.exists)
            shared = {tuple(each) for each in json.loads(told.read_text())} & held() - before
            own = identities(pipe.reader for pipe in last.child.pipes)
            for model in (last, *getattr(last, "models", ())):
                if isinstance(model, ModelSlot):
                    own |= identities(model.channel.descriptors + model.channel.front_descriptors)
        finally:
            table.end()
    assert shared <= own
