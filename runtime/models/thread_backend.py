"""ThreadBackend: a model that runs in one thread of this process."""

import ctypes
import gc
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Self

from ..batching.execution.executor import Executor, ThreadExecutor
from ..batching.execution.worker import Worker
from ..data.rows import table
from ..errors import BundleError
from ..plan import Plan
from .canary import Canary
from .canary_executor import CanaryExecutor
from .model import LoadedModel


class ThreadBackend:
    """A ModelBackend with one thread for all methods, as a model runs one call at a time.

    `on_hang` is called with the reason when only another process can help: a batch does not come
    back, or the model is broken.
    """

    def __init__(
        self, model: LoadedModel, worker: Worker, on_hang: Callable[[str], None] | None = None
    ) -> None:
        self.manifest = model.manifest
        self._model: LoadedModel | None = model
        self._worker = worker
        self._on_hang = on_hang
        self._canary = Canary(self.call)

    @classmethod
    def load(
        cls, plan: Plan, alias: str, worker: Worker, on_hang: Callable[[str], None] | None = None
    ) -> Self:
        """Load the model called `alias`, in this thread.

        Raises:
            BundleError: see `LoadedModel.load`.
        """
        directory, tuning = plan.model_directory(alias), plan.tuning(alias)
        return cls(LoadedModel.load(directory, plan.device, plan.policy, tuning), worker, on_hang)

    @property
    def object(self) -> Any:
        """The library's own object."""
        return self._loaded.object

    @property
    def _loaded(self) -> LoadedModel:
        if self._model is None:
            raise BundleError("The model has been unloaded.")
        return self._model

    @property
    def is_alive(self) -> bool:
        """Always: the thread ends only with `close`."""
        return True

    def executors(self, method: str) -> Sequence[Executor]:
        """One executor: the thread."""
        if self._on_hang is None:  # there is no supervisor
            return (ThreadExecutor(partial(self.call, method), table, self._worker),)
        return (CanaryExecutor(method, self.call, self._worker, self._canary, self._on_hang),)

    def call(self, method: str, batch: Any) -> Any:
        """The answer for one batch, in this thread."""
        return self._loaded.call(method, batch)

    def close(self) -> None:
        """End the thread, and return the memory of the model to the system."""
        self._worker.stop()
        self._model = None
        gc.collect()  # parts of a model may refer to each other
        if sys.platform == "linux":
            with suppress(AttributeError):  # musl has no malloc_trim
                ctypes.CDLL(None).malloc_trim(0)
