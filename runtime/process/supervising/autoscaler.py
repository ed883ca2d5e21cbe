"""Autoscaler: adds processes to a busy crew, as its measurements suggest."""

import time
from collections.abc import Callable, Mapping

from ...system import proc
from ..crew.crew import Crew, ProcessSlot
from ..machine.topology import Machine, Probe, Topology, chosen

BUSY = 0.5  # of one core, used by the busiest process; below, more processes would not help
ENOUGH = 8  # batches, before their measured cost is used

Costs = Mapping[str, tuple[float, float, int]]
"""Seconds a batch and a row, and the number of batches, for each method of each model."""


class Autoscaler:
    """Checks the load of a crew at intervals, until its size is settled."""

    def __init__(self, machine: Callable[[], Machine], *, has_threads: bool) -> None:
        self._machine = machine
        self._has_threads = has_threads
        self._seen: dict[int, tuple[float, float]] = {}  # pid -> when, seconds of its processor

    def is_busy(self, crew: Crew) -> bool:
        """Whether a process of the crew has been busy since the last call."""
        before, self._seen = self._seen, {}
        shares = [self._share(slot, before) for slot in crew.slots()]
        return max(shares, default=0.0) > BUSY

    def _share(self, slot: ProcessSlot, before: Mapping[int, tuple[float, float]]) -> float:
        if slot.child is None:
            return 0.0
        now, used = time.monotonic(), proc.processor_seconds(slot.child.pid)
        self._seen[slot.child.pid] = now, used
        then, had = before.get(slot.child.pid, (now, used))
        return (used - had) / (now - then) if now > then else 0.0

    def chosen(self, topology: Topology, crew: Crew, costs: Costs) -> Topology:
        """The topology to grow to; `topology` itself while too little has been measured."""
        known = [(alpha, beta) for alpha, beta, count in costs.values() if count >= ENOUGH]
        if not known:
            return topology
        alpha, beta = max(known, key=sum)
        front = crew.fronts[0]
        rss = sum(proc.resident(slot.child.pid) for slot in (front, *front.models) if slot.child)
        return chosen(topology, self._machine(), Probe(alpha, beta, rss, self._has_threads))
