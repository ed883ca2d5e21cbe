"""Topology: how many processes of which kind serve a bundle, and why: arithmetic only."""

from dataclasses import dataclass, replace
from typing import Literal

SMALL = 0.002  # seconds for one row; below, each model process should have a front of its own
MOST_FRONTS = 16
SHARE = 0.5  # of the available memory, which new processes may use
FRAMEWORKS_WITH_THREADS = frozenset({"torch", "xgboost", "lightgbm", "onnx"})

Kind = Literal["A", "B", "C", "D", "service", "thread"]


@dataclass(frozen=True, slots=True)
class Machine:
    """The resources to plan for.

    cores    for this process, within its affinity and quota
    memory   bytes that are available
    gpus     that were asked for
    """

    cores: int
    memory: int
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class Probe:
    """Measurements of the first front and its models.

    alpha, beta  seconds a batch, seconds a row; the worst of all models
    rss          bytes of all model processes of one front
    has_threads  whether the framework spreads one batch over the cores by itself
    """

    alpha: float
    beta: float
    rss: int
    has_threads: bool


@dataclass(frozen=True, slots=True)
class Topology:
    """A number of fronts, each with a number of processes for each model.

    A       several fronts, each with its own models: for models that are cheaper than HTTP
    B       one front and several processes of each model, one batcher for all
    C       one front and one process on a GPU, or several
    D       one front and one process a GPU, or as many as were asked for
    service several fronts, each with a process for the author's class and its models
    thread  models in the threads of the server's processes

    threads     that one model process may use; None = as many as its library likes
    is_settled  whether it was configured or measured; else it is reconsidered after measurements
    """

    kind: Kind
    fronts: int = 1
    replicas: int = 1
    threads: int | None = None
    why: str = ""
    is_settled: bool = True
    most_fronts: int = 1

    @property
    def is_threaded(self) -> bool:
        """Whether models run in the fronts."""
        return self.kind == "thread"

    @property
    def size(self) -> tuple[int, int]:
        """Fronts, and processes of each model for each."""
        return self.fronts, self.replicas

    def is_crowded(self, cores: int) -> bool:
        """Whether a busy front and its busy model process share one core."""
        is_pair = self.kind in {"A", "service", "thread"} and self.replicas == 1
        return is_pair and 2 * self.fronts > cores

    def __str__(self) -> str:
        return f"{_counted(self.fronts, 'front')}, {self._models()}: {self.why}"

    def _models(self) -> str:
        if self.is_threaded:
            return "each with the models in its threads"
        if self.kind == "service":
            return "each with a process of the service and its models"
        each = _counted(self.replicas, "process", "es") + " of each model"
        return f"each with {each}" if self.fronts > 1 else each


def first(workers: Literal["auto"] | int, machine: Machine, *, is_threaded: bool) -> Topology:
    """The topology to start with."""
    if is_threaded:
        count = (machine.gpus or 1) if workers == "auto" else workers
        return Topology("thread", count, why="models run in threads", most_fronts=count)
    if machine.gpus:
        kind: Kind = "D" if machine.gpus > 1 else "C"
        if workers == "auto":
            return Topology(kind, replicas=machine.gpus, why="one model process a GPU")
        return Topology(kind, replicas=workers, why="as many as were asked for, GPU by GPU")
    if workers == "auto":
        if machine.cores == 1:
            return Topology("A", why="there is one core")
        why = f"more when one of them is busy, on {machine.cores} cores"
        return Topology("A", why=why, is_settled=False, most_fronts=_fronts(machine.cores))
    threads = max(1, machine.cores // workers) if workers > 1 else None
    return Topology("A", workers, 1, threads, "as many as were asked for", most_fronts=workers)


def with_service(workers: Literal["auto"] | int, machine: Machine) -> Topology:
    """The topology of a service class, which calls its models in its own process."""
    count = (machine.gpus or 1) if workers == "auto" else workers
    threads = max(1, machine.cores // count) if count > 1 and not machine.gpus else None
    why = "a service class runs beside its models"
    return Topology("service", count, 1, threads, why, most_fronts=count)


def chosen(now: Topology, machine: Machine, probe: Probe) -> Topology:
    """The topology to grow to by the measurements; `now` if growing does not pay."""
    room = _room(machine, probe)
    settled = replace(now, is_settled=True)
    if room < 1:
        free, needed = machine.memory >> 20, probe.rss >> 20
        why = f"{free} MiB of memory are available, too little for more models of {needed} MiB each"
        return replace(settled, why=why)
    one = probe.alpha + probe.beta
    if one < SMALL:
        fronts = min(_fronts(machine.cores), 1 + room)
        why = f"a row takes {_shown(one)}, less than its request; {machine.cores} cores"
        return replace(settled, kind="A", fronts=fronts, threads=1, why=why)
    if probe.has_threads:
        why = f"a row takes {_shown(one)}, and its library uses all cores for one batch"
        return replace(settled, kind="B", why=why)
    replicas = min(machine.cores, 1 + room)
    why = f"a row takes {_shown(one)} on one core; {machine.cores} cores"
    threads = max(1, machine.cores // replicas)
    return replace(settled, kind="B", replicas=replicas, threads=threads, why=why)


def _fronts(cores: int) -> int:
    """The number of fronts for a small model; each has a model process, which is less busy."""
    return min(cores, MOST_FRONTS, max(2, cores // 2))


def _room(machine: Machine, probe: Probe) -> int:
    """How many more model processes fit into memory beside the running ones."""
    return int(SHARE * machine.memory) // max(probe.rss, 1 << 20) - 1


def _shown(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"


def _counted(count: int, noun: str, plural: str = "s") -> str:
    return f"{count} {noun}{'' if count == 1 else plural}"
