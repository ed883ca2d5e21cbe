"""The models of a bundle directory without a server around them: for the unit tests of a service.

`BUNDLE_DIR=path/to/bundle pytest` lets the author's class find its models; nothing is batched.
"""

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import BundleError
from .manifest import BundleManifest

if TYPE_CHECKING:
    from .model import LoadedModel

VARIABLE = "BUNDLE_DIR"


def directory() -> Path:
    """The bundle that `$BUNDLE_DIR` names.

    Raises:
        BundleError: when the variable is not set.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        raise BundleError(
            "`modelbundle.model(...)` was called outside a server, with no bundle to look in.",
            hint=f"Set `{VARIABLE}` to a built bundle's directory, or serve the project with "
            "`bundle serve`.",
        )
    return Path(path)


@cache
def local_models(directory: Path) -> "dict[str, LocalModel]":
    """Every model of the bundle in `directory` by alias, not yet loaded."""
    entries = BundleManifest.read(directory).models
    return {entry.alias: LocalModel(directory / "models" / entry.alias) for entry in entries}


def local_names(directory: Path) -> dict[str, str]:
    """Name of a saved model -> its alias in the bundle."""
    return {entry.name: entry.alias for entry in BundleManifest.read(directory).models}


class LocalModel:
    """A ModelRunner without a batcher: loads at the first call, answers in the caller's thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._loaded: LoadedModel | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods, the default first."""
        return tuple(self._load().manifest.methods)

    def direct(self, batch: Any, method: str | None = None) -> Any:
        """Call the model with this batch alone."""
        loaded = self._load()
        return loaded.call(method or loaded.manifest.default_method, batch)

    async def __call__(self, batch: Any, method: str | None = None) -> Any:
        """The same, for those who await."""
        return self.direct(batch, method)

    def _load(self) -> "LoadedModel":
        from .model import LoadedModel

        if self._loaded is None:
            self._loaded = LoadedModel.load(self._directory)
        return self._loaded
