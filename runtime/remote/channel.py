"""Channel: sockets and shared memory between a front and a model process."""

import os
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from .slabs.slab import Slab

END = signal.SIGUSR1
"""Ends a model process after its current batch. SIGTERM is not used, because a service manager
sends it to all processes, while the front still has requests to answer."""

_ELSEWHERE = socket.socket()
"""The end of a channel that only another process has: closed, so that it takes no descriptor."""
_ELSEWHERE.close()


@dataclass(frozen=True, slots=True)
class SlabPair:
    """Memory for one batch: a slab for its inputs and one for its outputs."""

    inputs: Slab
    outputs: Slab


@dataclass(frozen=True, slots=True)
class Channel:
    """A socket pair and slabs for each slot, created before both processes are forked.

    The supervisor keeps it open, so that a model process that dies can be replaced: messages to the
    dead process carry its generation, and its successor drops them. Messages arrive whole or not at
    all (SOCK_SEQPACKET).
    """

    front: socket.socket
    model: socket.socket
    slots: tuple[SlabPair, ...]

    @classmethod
    def create(cls, slots: int = 1) -> Self:
        """Create a channel with room for `slots` batches at a time.

        Raises:
            OSError: when there are no descriptors or no memory left.
        """
        front, model = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        made: list[Slab] = []
        try:
            made.extend(Slab.create("modelbundle") for _ in range(2 * slots))
        except OSError:
            front.close()
            model.close()
            for slab in made:
                slab.close()
            raise
        return cls(front, model, tuple(map(SlabPair, made[::2], made[1::2])))

    @property
    def descriptors(self) -> list[int]:
        """The descriptors that make up the model's end, to be sent to a process."""
        slabs = [slab for slot in self.slots for slab in (slot.inputs, slot.outputs)]
        return [self.model.fileno(), *(slab.descriptor for slab in slabs)]

    @classmethod
    def adopt(cls, descriptors: Sequence[int]) -> Self:
        """The model's end, in a process that received `descriptors`; without the front's end."""
        model = socket.socket(fileno=descriptors[0])
        slabs = [Slab(each) for each in descriptors[1:]]
        return cls(_ELSEWHERE, model, tuple(map(SlabPair, slabs[::2], slabs[1::2])))

    @property
    def front_descriptors(self) -> list[int]:
        """The descriptors that make up the front's end, for a front that was forked before."""
        return [self.front.fileno(), *self.descriptors[1:]]

    @classmethod
    def adopt_front(cls, descriptors: Sequence[int]) -> Self:
        """The front's end, in a front that received `front_descriptors`."""
        front = socket.socket(fileno=descriptors[0])
        slabs = [Slab(each) for each in descriptors[1:]]
        return cls(front, _ELSEWHERE, tuple(map(SlabPair, slabs[::2], slabs[1::2])))

    def for_front(self) -> Self:
        """In the front: close the model's end."""
        self.model.close()
        return self

    def for_model(self) -> Self:
        """In the model process: close the front's end."""
        self.front.close()
        return self

    def close(self) -> None:
        """Close the sockets and the slabs."""
        self.front.close()
        self.model.close()
        for slot in self.slots:
            slot.inputs.close()
            slot.outputs.close()

    @property
    def memory(self) -> int:
        """Bytes that the slabs hold."""
        slabs = [slab for slot in self.slots for slab in (slot.inputs, slot.outputs)]
        return sum(os.fstat(slab.descriptor).st_blocks * 512 for slab in slabs)
