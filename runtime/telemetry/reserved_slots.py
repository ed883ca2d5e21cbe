"""ReservedSlots: places in the counters for models that are added after the memory was mapped."""

from collections.abc import Iterable, Iterator, Mapping

MOST = 12  # models that may be added to a running server
METHODS = 8  # of one of them

_MARK = "?"  # no name of a model begins so


class ReservedSlots:
    """The slot of each added model by its alias, as the supervisor assigned it."""

    def __init__(self, count: int = 0) -> None:
        self._count = count
        self._taken: dict[str, int] = {}  # alias -> slot
        self._places: dict[str, str] = {}  # alias, or name of a queue -> its label in the counters

    @property
    def models(self) -> tuple[str, ...]:
        """What models are counted as, whatever they are called."""
        return tuple(_model(slot) for slot in range(self._count))

    @property
    def queues(self) -> tuple[str, ...]:
        """What their methods are counted as."""
        return tuple(_queue(slot, at) for slot in range(self._count) for at in range(METHODS))

    def free(self) -> int | None:
        """A free slot, or None."""
        taken = set(self._taken.values())
        return next((slot for slot in range(self._count) if slot not in taken), None)

    def take(self, slot: int, alias: str, queues: Iterable[str]) -> None:
        """The model called `alias`, with these queues, counts there from now on."""
        self._taken[alias] = slot
        self._places[alias] = _model(slot)
        for at, name in enumerate(queues):
            self._places[name] = _queue(slot, at)

    def leave(self, alias: str) -> tuple[str, ...]:
        """Free the slot of a model; returns its label."""
        slot = self._taken.pop(alias, None)
        if slot is None:
            return ()
        gone = {_model(slot), *(_queue(slot, at) for at in range(METHODS))}
        self._places = {name: at for name, at in self._places.items() if at not in gone}
        return tuple(sorted(gone))

    def place(self, name: str) -> str:
        """The label of a model or queue; its own name if it is in the bundle."""
        return self._places.get(name, name)

    @property
    def names(self) -> Mapping[str, str]:
        """The labels -> the names."""
        return {place: name for name, place in self._places.items()}


def is_reserved(label: str) -> bool:
    """Whether a series belongs to a reserved slot."""
    return label.startswith(_MARK)


def _model(slot: int) -> str:
    return f"{_MARK}{slot}"


def _queue(slot: int, at: int) -> str:
    return f"{_MARK}{slot}.{at}"


def shown(labels: tuple[str, ...], names: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """The labels of a series as shown; None for a slot without a model."""
    if not labels or not is_reserved(labels[0]):
        yield labels
    elif labels[0] in names:
        yield names[labels[0]], *labels[1:]
