"""ProcessBackend: a model in processes of its own."""

from collections.abc import Sequence
from typing import Any, NoReturn

from ..batching.execution.executor import Executor
from ..errors import BundleError
from ..manifests.model_manifest import ModelManifest
from .model_link import ModelLink


class ProcessBackend:
    """A ModelBackend with one or more processes, each of which runs all methods of the model."""

    def __init__(self, manifest: ModelManifest, links: Sequence[ModelLink]) -> None:
        self.manifest = manifest
        self._links = tuple(links)

    @property
    def object(self) -> Any:
        """Raises: the model object is in another process."""
        self._refuse()

    @property
    def is_alive(self) -> bool:
        """Whether one of the processes is ready."""
        return any(link.is_ready for link in self._links)

    def executors(self, method: str) -> Sequence[Executor]:
        """An executor for each process, with its number of slots."""
        inputs = self.manifest.methods[method].inputs
        return [link.executor(method, inputs) for link in self._links for _ in range(link.slots)]

    def call(self, method: str, batch: Any) -> Any:  # noqa: ARG002
        """Raises: the model can only be called in its process."""
        self._refuse()

    def close(self) -> None:
        """Close the links; the supervisor ends the processes."""
        for link in self._links:
            link.close()

    def _refuse(self) -> NoReturn:
        raise BundleError(
            "The model is in a process of its own; only its methods can be called.",
            hint="Serve with `--isolation thread`.",
        )
