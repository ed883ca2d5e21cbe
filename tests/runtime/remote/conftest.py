"""Real model processes, forked here, and links to them."""

import asyncio
import contextlib
import faulthandler
import os
import signal
import sys
import traceback

import pytest

from modelbundle.runtime.remote.channel import END, Channel
from modelbundle.runtime.remote.message import Ready
from modelbundle.runtime.remote.model_link import ModelLink
from modelbundle.runtime.remote.model_process import ModelProcess


class Nursery:
    """What the supervisor does: forks model processes, and tells the link when they die."""

    def __init__(self, call, slots=1):
        self.call = call
        self.channel = Channel.create(slots)
        self.link = ModelLink(self.channel, "model", 0, self.kill)
        self.generation = 0
        self.pid = 0
        self.is_closing = self.is_closed = False
        self.is_silent = False  # about births and deaths
        self.is_gone = asyncio.Event()
        self.kills = []

    def fork(self):
        self.generation += 1
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self.be_model(self.generation)
        if not self.is_silent:
            self.link.born(self.generation)

    def be_model(self, generation):
        try:
            signal.set_wakeup_fd(-1)
            faulthandler.disable()  # hundreds die, each on purpose
            self.channel.for_model()
            process = ModelProcess(self.channel, self.call, generation)
            process.serve(Ready(0.0, 0, os.getpid()), lambda: None)
        except BaseException:  # noqa: BLE001 - a fork must not unwind into its parent's frames
            traceback.print_exc()
        finally:
            os._exit(0)

    def kill(self, generation, why):
        self.kills.append((generation, why))
        if generation == self.generation:
            os.kill(self.pid, signal.SIGKILL)

    async def bury(self):
        """Wait for the process to die; its exit code, or its signal below zero."""
        pid, self.pid = self.pid, 0
        _, status = await asyncio.to_thread(os.waitpid, pid, 0)
        if not self.is_silent:
            self.link.died(self.generation, f"ended with {os.waitstatus_to_exitcode(status)}")
        return os.waitstatus_to_exitcode(status)

    def keep(self, loop):
        """Fork one process after the other, each as soon as the last one is dead."""
        self.fork()
        descriptor = os.pidfd_open(self.pid)

        def died():
            loop.remove_reader(descriptor)
            os.close(descriptor)
            _, status = os.waitpid(self.pid, 0)
            self.link.died(self.generation, f"ended with {os.waitstatus_to_exitcode(status)}")
            self.pid = 0
            if self.is_closing:
                self.is_gone.set()
            else:
                self.keep(loop)

        loop.add_reader(descriptor, died)

    async def dismiss(self):
        """End the process that `keep` has started last."""
        self.is_closing = True
        os.kill(self.pid, END)
        await asyncio.wait_for(self.is_gone.wait(), 90)

    async def ready(self):
        arrived = asyncio.Event()
        self.link.on_change = lambda _: arrived.set()
        if not self.link.is_ready:
            await asyncio.wait_for(arrived.wait(), 90)

    def close(self):
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
        if not self.is_closed:
            self.is_closed = True
            self.channel.close()


@pytest.fixture
def nursery():
    """Make nurseries: `nursery(call, slots=1)` with `call(method, batch)`."""
    made = []

    def make(call, slots=1):
        made.append(Nursery(call, slots))
        return made[-1]

    yield make
    for each in made:
        each.close()


async def ask(executor, inputs, rows):
    """What an executor answers, or raises."""
    future = asyncio.get_running_loop().create_future()

    def done(output, error):
        if error is None:
            future.set_result(output)
        else:
            future.set_exception(error)

    executor.submit(inputs, rows, done)
    return await asyncio.wait_for(future, 90)
