"""The models of a bundle directory without a server, for unit tests of a service.

`BUNDLE_DIR=path/to/bundle pytest` lets the author's class find its models; nothing is batched.
"""

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import trust
from ..data.rows import table
from ..errors import BundleError
from ..manifests.bundle_manifest import BundleManifest
from ..manifests.tuning import Tuning
from ..pickles.policy import Policy

if TYPE_CHECKING:
    from ..models.model import LoadedModel

VARIABLE = "BUNDLE_DIR"


def directory() -> Path:
    """The bundle that `$BUNDLE_DIR` names; raises BundleError when the variable is not set."""
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
    """Every model of the bundle in `directory` by alias, not yet loaded.

    Raises:
        NotTrusted: when loading them would run code that is not trusted on this machine.
    """
    manifest = BundleManifest.read(directory)
    trust.check(directory, manifest)
    policy = Policy.from_json(manifest.security)
    return {
        entry.alias: LocalModel(directory / "models" / entry.alias, policy, entry.tuning)
        for entry in manifest.models
    }


def local_names(directory: Path) -> dict[str, str]:
    """Name of a saved model -> its alias in the bundle."""
    return {entry.name: entry.alias for entry in BundleManifest.read(directory).models}


class LocalModel:
    """A ModelRunner without a batcher: loads at the first call, answers in the caller's thread."""

    def __init__(self, directory: Path, policy: Policy, tuning: Tuning) -> None:
        self._directory = directory
        self._policy = policy
        self._tuning = tuning
        self._loaded: LoadedModel | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods, the default first."""
        return tuple(self._load().manifest.methods)

    @property
    def object(self) -> Any:
        """The library's own object."""
        return self._load().object

    def direct(self, batch: Any, method: str | None = None) -> Any:
        """Call the model with this batch alone."""
        loaded = self._load()
        method = method or loaded.manifest.default_method
        signature = loaded.manifest.methods.get(method)
        if signature is not None:
            batch = table.accept(signature.inputs, batch, nan_as_null=True)
        return loaded.call(method, batch)

    async def __call__(self, batch: Any, method: str | None = None) -> Any:
        """The same, awaitable."""
        return self.direct(batch, method)

    def _load(self) -> "LoadedModel":
        from ..models.model import LoadedModel

        if self._loaded is None:
            self._loaded = LoadedModel.load(
                self._directory, policy=self._policy, tuning=self._tuning
            )
        return self._loaded
