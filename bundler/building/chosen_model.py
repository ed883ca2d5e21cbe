"""Which saved models a bundlefile means right now."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ...runtime.data.samples import Samples
from ...runtime.manifest import ModelEntry, ModelManifest
from ...runtime.tuning import Tuning
from ..errors import BuildError
from ..requirements.lock import LockedModel
from ..requirements.lock_file import LockFile

if TYPE_CHECKING:
    from ..project.bundlefile import Bundlefile
    from ..store import Item, Store


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A saved model in the part it plays in a bundle."""

    alias: str
    item: "Item"
    config: bytes
    manifest: ModelManifest
    samples: Mapping[str, Samples] = field(default_factory=dict)  # by method
    tuning: Tuning = Tuning()  # noqa: RUF009  frozen
    label: str | None = None  # alias in the store by which the bundlefile names it

    @property
    def entry(self) -> ModelEntry:
        """As it stands in `bundle.json`."""
        return ModelEntry(
            alias=self.alias,
            name=self.item.name,
            version=self.item.version,
            digest=self.item.digest,
            framework=self.manifest.framework,
            executes_code=self.manifest.executes_code,
            tuning=self.tuning,
            label=self.label,
        )

    @property
    def locked(self) -> LockedModel:
        """As it stands in `bundle.lock`."""
        return LockedModel(self.item.name, self.item.version, self.item.digest)

    @classmethod
    def of(cls, alias: str, item: "Item", store: "Store") -> "ChosenModel":
        """Read the stored model `item`; nothing in it is run."""
        config = store.config(item)
        manifest = ModelManifest.from_json(json.loads(config))
        files = {entry.path: entry for entry in manifest.files}
        samples = {
            method: Samples.read(store.blob(files[path].digest))
            for method, path in manifest.samples.items()
        }
        return cls(alias, item, config, manifest, samples)


def choose(
    bundlefile: "Bundlefile", store: "Store", lock: LockFile | None
) -> Mapping[str, ChosenModel]:
    """Alias -> model, in the order of the bundlefile; a pinned one is the one in the lock.

    Raises:
        NotFound: when the store has no such model.
        BuildError: when two entries have one alias.
    """
    chosen: dict[str, ChosenModel] = {}
    for reference in bundlefile.models:
        alias = reference.alias
        if alias in chosen:
            raise BuildError(
                f"Two models of the bundlefile are called `{alias}`.",
                hint="Give one of them another name with `as:`.",
            )
        locked = lock.models.get(alias) if lock and reference.pin else None
        item = store.find(locked.digest if locked else reference.ref, "model")
        model = ChosenModel.of(alias, item, store)
        chosen[alias] = replace(model, tuning=reference.tuning, label=reference.label)
    return chosen
