"""The saved models that a bundlefile refers to at this moment."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ...runtime.data.samples import Samples
from ...runtime.errors import NotTrusted
from ...runtime.manifests.model_entry import ModelEntry
from ...runtime.manifests.model_manifest import ModelManifest
from ...runtime.manifests.tuning import Tuning
from ..errors import BuildError
from ..requirements.lock.lock import LockedModel
from ..requirements.lock.lock_file import LockFile
from . import versions

if TYPE_CHECKING:
    from ..project.bundlefile import Bundlefile, ModelRef
    from ..store import Item, Store


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A saved model, with its entry in the bundlefile."""

    alias: str
    item: "Item"
    config: bytes
    manifest: ModelManifest
    samples: Mapping[str, Samples] = field(default_factory=dict)  # by method
    tuning: Tuning = Tuning()  # noqa: RUF009  frozen
    label: str | None = None  # alias in the store by which the bundlefile names it
    is_lazy: bool = False
    unload_after: float = 0.0  # seconds; 0 = never

    @property
    def entry(self) -> ModelEntry:
        """Its entry in `bundle.json`."""
        return ModelEntry(
            alias=self.alias,
            name=self.item.name,
            version=self.item.version,
            digest=self.item.digest,
            framework=self.manifest.framework,
            executes_code=self.manifest.executes_code,
            tuning=self.tuning,
            label=self.label,
            is_lazy=self.is_lazy,
            unload_after=self.unload_after,
        )

    def served_as(self, reference: "ModelRef", *, is_one_of_many: bool) -> "ChosenModel":
        """It, the way an entry of a bundlefile wants it served."""
        own = (alias for alias in sorted(self.item.aliases) if alias != "latest")
        return replace(
            self,
            tuning=reference.tuning,
            label=next(own, None) if is_one_of_many else reference.label,
            is_lazy=reference.load == "lazy",
            unload_after=reference.unload_after or 0.0,
        )

    @property
    def locked(self) -> LockedModel:
        """Its entry in `bundle.lock`."""
        return LockedModel(self.item.name, self.item.version, self.item.digest)

    @classmethod
    def of(cls, alias: str, item: "Item", store: "Store") -> "ChosenModel":
        """Read the stored model `item`. Runs none of it."""
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
        locked = lock.models.get(reference.alias) if lock and reference.pin else None
        if locked:
            found = [(reference.alias, store.find(locked.digest, "model"))]
        else:
            found = versions.chosen(reference, store)
        for alias, item in found:
            if alias in chosen:
                raise BuildError(
                    f"Two models of the bundlefile are called `{alias}`.",
                    hint="Give one of them another name with `as:`.",
                )
            model = ChosenModel.of(alias, item, store)
            chosen[alias] = model.served_as(reference, is_one_of_many=len(found) > 1)
    return chosen


def check_trust(models: Iterable[ChosenModel], store: "Store") -> None:
    """Refuse models whose loading runs code, unless they are trusted on this machine.

    Raises:
        NotTrusted: naming the model.
    """
    for model in models:
        if model.manifest.executes_code and not store.trust.is_trusted(model.item.digest):
            raise NotTrusted(
                f"Loading model `{model.item.tag}` runs code from its files, and it is not "
                "trusted on this machine.",
                hint="If you know where it comes from, add `--trust` once.",
            )
