"""Plan: a bundle's manifest, with every decision about how to serve it now."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from .batching.policy.window import Limits
from .data.regions import Regions
from .data.samples import Samples
from .manifests.added_model import AddedModel
from .manifests.bundle_manifest import BundleManifest
from .manifests.file_entry import FileEntry
from .manifests.model_manifest import ModelManifest
from .manifests.route import Route
from .manifests.settings import INITIAL_BATCH_SIZE, MOST_BATCH_SIZE, ServeSettings
from .manifests.tuning import Tuning
from .pickles.policy import Policy

LAZY = "it is loaded at its first request"
"""Why a model is not here that nobody has asked for."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to serve, and how.

    device   "cpu" or "cuda:N"
    absent   models that are not loaded at the start, and why
    preferred  versions that somebody has made the default since the server was started, by alias
    added    models that came from outside the bundle since then, by alias
    regions  shared memory of clients, where they may have some
    is_crowded  whether a front and its model have one core between them, when both are busy
    """

    directory: Path
    manifest: BundleManifest
    models: Mapping[str, ModelManifest]
    settings: ServeSettings
    routes: tuple[Route, ...]
    device: str = "cpu"
    absent: Mapping[str, str] = field(default_factory=dict)
    preferred: tuple[str, ...] = ()
    added: Mapping[str, AddedModel] = field(default_factory=dict)
    is_crowded: bool = False
    regions: Regions | None = None

    @classmethod
    def read(cls, directory: Path, *, routes: Sequence[Route] = ()) -> Self:
        """The plan of the bundle in `directory`, with its own routes unless others are given.

        Raises:
            InvalidBundle: when it is incomplete, damaged or of a newer version.
        """
        manifest = BundleManifest.read(directory)
        models = {
            entry.alias: ModelManifest.read(directory / "models" / entry.alias)
            for entry in manifest.models
        }
        settings = ServeSettings.from_json(manifest.serve)
        known = {route.path: route for route in manifest.routes}
        chosen = tuple(_completed(route, known.get(route.path)) for route in routes)
        # An author's class needs all of its models.
        lazy = (each.alias for each in manifest.models if each.is_lazy and not manifest.service)
        absent = dict.fromkeys(lazy, LAZY)
        regions = Regions() if settings.shared_memory else None
        routes = chosen or manifest.routes
        return cls(directory, manifest, models, settings, routes, absent=absent, regions=regions)

    @property
    def policy(self) -> Policy:
        """What a pickle in this bundle may do; narrows what trust allows."""
        return Policy.from_json(self.manifest.security)

    def model_directory(self, alias: str) -> Path:
        """Where the model called `alias` is."""
        added = self.added.get(alias)
        return self.directory / "models" / alias if added is None else added.directory

    def model_files(self, alias: str) -> tuple[Path, tuple[FileEntry, ...]]:
        """Every file of the model called `alias`, and the directory that their paths begin in."""
        added = self.added.get(alias)
        if added is not None:
            return added.directory, added.files
        listed, home = self.manifest.files, f"models/{alias}/"
        return self.directory, tuple(each for each in listed if each.path.startswith(home))

    def with_model(self, added: AddedModel) -> Self:
        """The plan with one more model, on those of its routes that are free."""
        taken = {route.path for route in self.routes}
        return replace(
            self,
            manifest=replace(self.manifest, models=(*self.manifest.models, added.entry)),
            models={**self.models, added.alias: added.manifest},
            routes=(*self.routes, *(each for each in added.routes if each.path not in taken)),
            added={**self.added, added.alias: added},
        )

    def without(self, alias: str) -> Self:
        """The plan as it was before the model called `alias` came."""
        kept = tuple(entry for entry in self.manifest.models if entry.alias != alias)
        return replace(
            self,
            manifest=replace(self.manifest, models=kept),
            models={name: model for name, model in self.models.items() if name != alias},
            routes=tuple(route for route in self.routes if route.model != alias),
            preferred=tuple(each for each in self.preferred if each != alias),
            added={name: added for name, added in self.added.items() if name != alias},
        )

    def import_sources(self) -> None:
        """Let this process import the bundle's own sources."""
        sources = str(self.directory / "src")
        # Where nothing was vouched for, a file there must not stand in for a library.
        if self.manifest.executes_code and sources not in sys.path:
            sys.path.insert(0, sources)

    def tuning(self, alias: str) -> Tuning:
        """How the model called `alias` computes, for the largest batch that any route sends it."""
        entry = next(entry for entry in self.manifest.models if entry.alias == alias)
        batch = self.settings.batch.max_batch_size or INITIAL_BATCH_SIZE
        own = [route.max_batch_size or batch for route in self.routes if route.model == alias]
        return replace(entry.tuning, rows=max(own, default=batch))

    def samples(self) -> dict[str, Samples]:
        """The recorded samples of each route that leads to a model, by the route's path."""
        found = {}
        for route in self.routes:
            model = self.models.get(route.model or "")
            if model is not None and route.method in model.samples:
                directory = self.model_directory(route.model or "")
                found[route.path] = Samples.read(directory / model.samples[route.method])
        return found

    def limits(self, route: Route, *, batchable: bool) -> Limits:
        """How the rows of `route` share calls."""
        batch, queue = self.settings.batch, self.settings.queue
        budget = route.latency_budget
        most = route.max_batch_size or batch.max_batch_size
        return Limits(
            max_batch_size=most or self._most(route),
            initial_batch_size=most or INITIAL_BATCH_SIZE,
            latency_budget=batch.latency_budget if budget is None else budget,
            max_queue_rows=queue.max_rows,
            max_queue_bytes=queue.max_bytes,
            mergeable=batchable and route.batchable,
            priorities=queue.priorities,
            fairness=queue.fairness != "off",
            is_crowded=self.is_crowded,
            hang=self.settings.timeout,
        )

    def _most(self, route: Route) -> int:
        """Rows in one call, where nobody has said it."""
        # Compiled code is made for a number of rows.
        is_compiled = any(
            entry.tuning.compile for entry in self.manifest.models if entry.alias == route.model
        )
        return INITIAL_BATCH_SIZE if is_compiled else MOST_BATCH_SIZE


def _completed(route: Route, known: Route | None) -> Route:
    """A route as `server.py` spells it, with what the manifest knows beyond that."""
    if known is None:
        return route
    return replace(route, doc=known.doc, input=known.input, output=known.output)
