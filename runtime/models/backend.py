"""ModelBackend: the interface to a loaded model, in this process or in others."""

from collections.abc import Sequence
from typing import Any, Protocol

from ..batching.execution.executor import Executor
from ..manifests.model_manifest import ModelManifest


class ModelBackend(Protocol):
    """A loaded model, and the executors that run its batches."""

    manifest: ModelManifest

    @property
    def object(self) -> Any:
        """The library's own object; raises BundleError when it is in another process."""

    @property
    def is_alive(self) -> bool:
        """Whether the model can answer a request now."""

    def executors(self, method: str) -> Sequence[Executor]:
        """The executors for the batches of one method; each runs one batch at a time."""

    def call(self, method: str, batch: Any) -> Any:
        """The answer for one batch, in this thread.

        Raises:
            BundleError: when the model is in another process.
        """

    def close(self) -> None:
        """Release the model; it is not called again."""
