"""Home: where a model is loaded (this process or others), and what runs its batches there."""

from collections.abc import Sequence
from typing import Any, Protocol

from ..batching.execution.executor import Executor
from ..manifests.model_manifest import ModelManifest


class Home(Protocol):
    """A model in this process, or in others."""

    manifest: ModelManifest

    @property
    def object(self) -> Any:
        """The library's own object; raises BundleError when it is in another process."""

    @property
    def is_alive(self) -> bool:
        """Whether a request would be answered now."""

    def executors(self, method: str) -> Sequence[Executor]:
        """What runs the batches of one method; each of them one at a time."""

    def call(self, method: str, batch: Any) -> Any:
        """The answer for one batch, in this thread.

        Raises:
            BundleError: when the model is in another process.
        """

    def close(self) -> None:
        """Let go of it; nothing is asked of it any more."""
