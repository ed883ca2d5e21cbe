"""Draft: a model that is being saved: its files, and what was recorded."""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...runtime.errors import InvalidBundle
from ...runtime.frameworks import keras_backend, registry, skops_file
from ...runtime.frameworks.framework import Framework, Saved
from ...runtime.manifests.file_entry import FileEntry
from ...runtime.manifests.model_manifest import ModelManifest
from ...runtime.pickles.scanning import scan
from ..errors import InvalidSource
from ..progress import Progress
from ..requirements.libraries import beyond
from ..requirements.requirements import normalize
from ..store import Item, Store
from . import provenance
from .file_source import Origin
from .recording import class_names
from .recording.recording import Recording
from .save_options import SaveOptions

_PICKLED = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".pt2")


@dataclass(frozen=True, slots=True)
class Draft:
    """A model in `directory`, with its recordings, before it is in the store."""

    name: str
    framework: Framework
    saved: Saved
    recordings: list[Recording]
    directory: Path
    origin: Origin = Origin()  # noqa: RUF009  frozen

    @property
    def executes_code(self) -> bool:
        """Whether loading it runs foreign code: from its files, or a third-party adapter."""
        return self.saved.executes_code or not registry.is_builtin(registry.loader(self.framework))

    def commit(self, store: Store, given: SaveOptions, progress: Progress) -> Item:
        """Store the files, hashing each once, and publish the model.

        Raises:
            InvalidSource: when its `model.json` could not be read again.
        """
        references = self._globals()
        manifest = ModelManifest(
            framework=self.framework.name,
            loader=registry.loader(self.framework),
            format=self.saved.format,
            python=self.origin.python or platform.python_version(),
            packages=self._packages(references),
            methods=class_names.chosen(
                {recorded.method: recorded.signature for recorded in self.recordings}, given.classes
            ),
            files=self._ingest(store, progress),
            executes_code=self.executes_code,
            globals=references,
            options={**self.saved.options, **keras_backend.noted(_modules(references))},
            samples={r.method: _sample_path(r) for r in self.recordings if r.samples},
            labels=given.labels,
            metadata={**self.origin.metadata, **given.metadata},
        )
        content = manifest.encode()
        _check_readable(content)
        return store.commit(
            "model",
            self.name,
            content,
            manifest.files,
            version=given.version,
            aliases=given.aliases,
            framework=self.framework.name,
            executes_code=self.executes_code,
        )

    def _globals(self) -> dict[str, tuple[str, ...]]:
        pickled = [file for file in self.saved.files if file.endswith(_PICKLED)]
        found = {file: scan(self.directory / file).globals for file in pickled}
        found |= {
            file: skops_file.types(self.directory / file)
            for file in self.saved.files
            if file.endswith(".skops")
        }
        return {file: names for file, names in found.items() if names}

    def _packages(self, references: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        """What the model was made with: what its tool recorded, else what is installed here."""
        recorded = self.origin.packages
        if not recorded:
            return provenance.packages(self._imports(references))
        if not self.executes_code:  # nothing in it can use another package
            aside = set(beyond(recorded))
            recorded = {name: v for name, v in recorded.items() if normalize(name) not in aside}
        known = set(map(normalize, recorded))
        own = {self.framework.distributions[0]} if self.framework.name not in known else set()
        needed = provenance.packages({*own, *self.saved.needs})
        missing = {name: v for name, v in needed.items() if normalize(name) not in known}
        return dict(sorted({**recorded, **missing}.items()))

    def _imports(self, references: Mapping[str, tuple[str, ...]]) -> set[str]:
        imports = {*self.framework.distributions, *self.saved.needs}
        imports.add(type(self.framework).__module__.partition(".")[0])  # a third party's adapter
        imports |= _modules(references)
        imports |= set(keras_backend.noted(imports).values())
        if any(recorded.signature.inputs.layout == "columns" for recorded in self.recordings):
            imports.add("pandas")
        return imports

    def _ingest(self, store: Store, progress: Progress) -> tuple[FileEntry, ...]:
        entries = []
        with store.batch() as batch:
            for file in self.saved.files:
                path = self.directory / file
                given_away = not path.is_symlink()  # a link leads to the person's own file
                blob = batch.ingest(path.resolve(), move=given_away, progress=progress)
                entries.append(FileEntry(file, blob.digest, blob.size))
            for recorded in self.recordings:
                if recorded.samples:
                    blob = batch.ingest_bytes(recorded.samples.encode())
                    entries.append(FileEntry(_sample_path(recorded), blob.digest, blob.size))
        return tuple(sorted(entries, key=lambda entry: entry.path))


def _modules(references: Mapping[str, tuple[str, ...]]) -> set[str]:
    return {name.partition(".")[0] for names in references.values() for name in names}


def _check_readable(content: bytes) -> None:
    """Raise now if the model could not be read again, and not when it is served."""
    try:
        ModelManifest.from_json(json.loads(content))
    except InvalidBundle as error:
        raise InvalidSource(
            f"The model could not be read again. {error}",
            hint="Save it with another sample, or say its signature yourself (`signatures`).",
        ) from error


def _sample_path(recorded: Recording) -> str:
    return f"samples/{recorded.method}.json"
