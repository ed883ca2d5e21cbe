"""Outcome: what a batch that has run teaches, whom it answers, and what is to be tried again."""

from typing import Any

from ..errors import ModelDied
from .admission.patience import Patience
from .batch.batch import Batch
from .batch.delivery import Answers, Delivery
from .batch.recovery import Recovery
from .batch.slots import ExecutorSlot
from .lanes.lanes import Lanes
from .observer import BatchObserver


class Outcome:
    """Of every batch of one batcher."""

    __slots__ = ("_delivery", "_lanes", "_observer", "_patience", "_recovery")

    def __init__(
        self,
        lanes: Lanes,
        patience: Patience,
        recovery: Recovery,
        delivery: Delivery,
        observer: BatchObserver,
    ) -> None:
        self._lanes = lanes
        self._patience = patience
        self._recovery = recovery
        self._delivery = delivery
        self._observer = observer

    def of(
        self, slot: ExecutorSlot, batch: Batch, output: Any, error: BaseException | None, now: float
    ) -> Answers | None:
        """The answers of `batch`, which `slot` has run; None if it failed, or is tried again."""
        if batch.run is not None:
            batch.run.finished = now
        if error is not None:
            self._failed(slot, batch, error)
            return None
        self._learn(slot, batch, now)
        try:
            answers = self._delivery.of(batch, output)
        except Exception as wrong:  # noqa: BLE001 - as if the model had raised it
            self._recovery.failed(batch, wrong)
            return None
        self._recovery.succeeded(batch)
        return answers

    def _failed(self, slot: ExecutorSlot, batch: Batch, error: BaseException) -> None:
        if not isinstance(error, ModelDied):
            self._recovery.failed(batch, error)
            return
        self._observer.died("hang" if slot.is_cut else "crash", slot.index)
        self._recovery.died(batch, error, slot.index, hung=slot.is_cut)

    def _learn(self, slot: ExecutorSlot, batch: Batch, now: float) -> None:
        seconds = now - slot.started
        batch.window.observe(batch.rows, seconds, batch.size)
        self._lanes.cost = batch.window.cost
        self._observer.finished(batch.rows, seconds, slot.predicted, slot.index)
        self._patience.note(batch.requests, slot.started, now)
