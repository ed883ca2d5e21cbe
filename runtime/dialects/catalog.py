"""Catalog: the models of a server, by name, version, label and method."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Self

from ..data.regions import Regions
from ..data.samples import Samples
from ..errors import UnknownModel
from ..first_few import first_few
from ..manifests.model_entry import ModelEntry
from ..manifests.route import Route
from ..manifests.signature import Signature
from ..models.operation import Operation
from ..models.runner import Runner
from ..nearest import nearest
from ..plan import Plan
from .lifecycle import Control, Fixed, Lifecycle
from .offload import Offload
from .served import Condition, Served

FindSamples = Callable[[str, str], Samples | None]
"""The samples recorded for the model with this alias and method."""

OnFeedback = Callable[[str, float], None]
"""Counts a reward that a client gave an answer of the model with this alias."""

Shared = Regions | None
"""The shared memory regions of clients, if they are allowed."""

Numbers = Callable[[], Awaitable[bytes]]
"""All that the server counts, in Prometheus' text format."""

_UNKNOWN = "Request for unknown model:"  # clients of Triton look for these words
_SHOWN = 64  # characters of a name that an error repeats
_LISTED = 8  # names in an error


async def _none() -> bytes:
    return b""


class _Idle:
    """The Condition of a server that does not run."""

    reason = "not started"
    takes_requests = False
    is_early = False
    is_draining = False

    def absence(self, name: str) -> str | None:  # noqa: ARG002
        """None: it was never loaded."""
        return None


_IDLE = _Idle()


class Catalog:
    """All models of a server, each in its versions, and each of those with its methods.

    A model is found under its name in the store, its alias in the bundle, and either followed by
    a point and the name of a method. Of several versions the one that was added last is the
    default.
    """

    def __init__(
        self,
        server_name: str = "",
        server_version: str = "",
        condition: Condition | None = None,
    ) -> None:
        self.server_name = server_name
        self.server_version = server_version
        self.lifecycle: Lifecycle = Fixed()  # for the public port
        self.control: Control = Fixed()  # for the management port
        self.on_feedback: OnFeedback = lambda *_: None
        self.numbers: Numbers = _none
        self.regions: Shared = None
        self._condition = condition or _IDLE
        self._models: list[tuple[Served, ...]] = []  # the methods of each, the default first
        self._preferred: dict[str, str] = {}  # name -> alias of its version
        self._found: dict[tuple[str, str | None, str | None, str | None], Served] = {}

    @classmethod
    def of(
        cls, plan: Plan, condition: Condition | None = None, samples: FindSamples | None = None
    ) -> Self:
        """The catalog of a server of `plan`, before models are loaded."""
        manifest = plan.manifest
        condition = condition or _IDLE
        catalog = cls(manifest.name, manifest.version or "", condition)
        catalog.regions = plan.regions
        if manifest.service is not None:
            apis = [route for route in plan.routes if route.model is None]
            for route in apis:
                catalog.add([catalog._api(plan, route, is_first=route is apis[0])])
            return catalog
        for entry in manifest.models:
            catalog.add(models(plan, entry, condition, samples or partial(_recorded, plan)))
        return catalog

    # --- lookup ---

    @property
    def reason(self) -> str | None:
        """Why the server is not ready, or None."""
        return self._condition.reason

    def served(self) -> list[Served]:
        """All models, by name, each version with its default method, the default version first."""
        found = []
        for name in dict.fromkeys(served.name for served, *_ in self._models):
            versions = [methods for methods in self._models if methods[0].name == name]
            default = self._default(versions)
            others = [methods for methods in reversed(versions) if methods is not default]
            found += [methods[0] for methods in (default, *others)]
        return found

    def versions(self, served: Served) -> list[Served]:
        """All versions of a model, each with its default method, the default version first."""
        return [each for each in self.served() if each.name == served.name]

    def signatures(self, served: Served) -> dict[str, Signature | None]:
        """The signature of each method of a version; None for an author's class."""
        found = (self.find(served.name, served.version, method=name) for name in served.methods)
        return {each.method: each.signature for each in found}

    def all(self) -> Iterable[Served]:
        """Every method of every version."""
        return (served for methods in self._models for served in methods)

    def find(
        self,
        name: str,
        version: str | None = None,
        label: str | None = None,
        method: str | None = None,
    ) -> Served:
        """Find a model, loaded or not.

        Raises:
            UnknownModel: when there is no such model, version, label or method.
        """
        wanted = (name, version or None, label, method)
        found = self._found.get(wanted)
        if found is None:
            found = self._found[wanted] = self._sought(*wanted)
        return found

    def first(self) -> Served:
        """The model for requests that name none; raises UnknownModel if there is no model."""
        first = next(iter(self.served()), None)
        if first is None:
            raise UnknownModel("This server has no model.")
        return first

    def number(self, served: Served) -> int:
        """Its version as a number, else its position among the versions of its name, from 1."""
        if served.version.isdecimal():
            return int(served.version)
        names = [methods[0] for methods in self._models if methods[0].name == served.name]
        places = (place for place, each in enumerate(names) if each.version == served.version)
        return 1 + next(places, 0)

    # --- what changes ---

    def add(self, methods: Iterable[Served]) -> None:
        """One more version of a model: all its methods, the default first."""
        self._models.append(tuple(methods))
        self._found.clear()

    def add_model(
        self,
        plan: Plan,
        entry: ModelEntry,
        runner: Runner,
        operations: Mapping[str, Operation],
        offload: Offload | None,
    ) -> None:
        """Add a model of `plan` to a running server; the default version of its name stays."""
        found = models(plan, entry, self._condition, partial(_recorded, plan))
        for served in found:
            served.loaded(runner, operations.get(served.route.path))
            served.offload = offload
        self.add(found)

    def prefer(self, alias: str) -> None:
        """Make the version with this alias the default of its model name."""
        names = (methods[0].name for methods in self._models if methods[0].alias == alias)
        self._preferred |= dict.fromkeys(names, alias)
        self._found.clear()

    def _default(self, models: Sequence[tuple[Served, ...]]) -> tuple[Served, ...]:
        """The preferred version of these, else the last one."""
        preferred = self._preferred.get(models[-1][0].name)
        return next((each for each in models if each[0].alias == preferred), models[-1])

    def remove(self, served: Served) -> None:
        """Forget a version of a model, given any of its methods."""
        self._models = [methods for methods in self._models if served not in methods]
        kept = self._preferred.items()
        self._preferred = {name: own for name, own in kept if own != served.alias}
        self._found.clear()

    def of_alias(self, alias: str) -> Served:
        """The version that is called so in the bundle, by its default method.

        Raises:
            UnknownModel: when there is none.
        """
        for methods in self._models:
            if methods[0].alias == alias:
                return methods[0]
        raise self._unknown(alias)

    def loaded(
        self,
        runners: Mapping[str, Runner],
        operations: Mapping[str, Operation],
        routes: Iterable[Route] = (),
        offload: Offload | None = None,
    ) -> None:
        """Set the runners by alias, and the operations by path, once models are loaded.

        `routes` are those of the loaded service class, with more types than the build knew.
        """
        known = {route.path: route for route in routes}
        for served in self.all():
            served.route = known.get(served.route.path, served.route)
            runner = runners.get(served.alias) if served.signature is not None else None
            served.loaded(runner, operations.get(served.route.path))
            served.offload = offload

    # --- how it is found ---

    def _sought(
        self, name: str, version: str | None, label: str | None, method: str | None
    ) -> Served:
        models = self._named(name)
        if not models and method is None:
            base, _, last = name.rpartition(".")
            models = [each for each in self._named(base) if last in each[0].methods]
            method = last
        if not models:
            raise self._unknown(name)
        if version is not None:
            models = self._of_version(models, version)
        if label is not None:
            models = [each for each in models if each[0].label == label]
        if not models:
            sought = f"version {version}" if version is not None else f"label {label}"
            raise UnknownModel(f"{_UNKNOWN} '{name[:_SHOWN]}' {sought[:_SHOWN]} is not found.")
        methods = self._default(models)
        if method is None:
            return methods[0]
        for served in methods:
            if served.method == method:
                return served
        raise UnknownModel(f"Model `{name[:_SHOWN]}` has no method `{method[:_SHOWN]}`.")

    def _named(self, name: str) -> list[tuple[Served, ...]]:
        """The versions of a name; an alias with that name has priority."""
        own = [each for each in self._models if each[0].alias == name != each[0].name]
        return own or [each for each in self._models if name in {each[0].name, each[0].alias}]

    def _of_version(
        self, models: list[tuple[Served, ...]], version: str
    ) -> list[tuple[Served, ...]]:
        """The versions with that number; it may also be a position of a version without number."""
        named = [each for each in models if each[0].version == version]
        if named or not version.isdecimal():
            return named
        return [each for each in models if str(self.number(each[0])) == version]

    def _unknown(self, name: str) -> UnknownModel:
        known = list(dict.fromkeys(served.name for served, *_ in self._models))
        near = nearest(name[:_SHOWN], known)
        others = first_few(known, _LISTED, "`") or "none"
        hint = f"did you mean `{near}`?" if near else f"there is {others}."
        return UnknownModel(f"{_UNKNOWN} '{name[:_SHOWN]}' is not found; {hint}")

    def _api(self, plan: Plan, route: Route, *, is_first: bool) -> Served:
        manifest = plan.manifest
        return Served(
            name=manifest.name if is_first else route.method,
            version=manifest.version or "1",
            alias=route.method,
            method=route.method,
            methods=(route.method,),
            manifest=None,
            signature=None,
            route=route,
            settings=plan.settings,
            condition=self._condition,
            limits=plan.limits(route, batchable=route.batchable),
            regions=plan.regions,
        )


def models(
    plan: Plan, entry: ModelEntry, condition: Condition, samples: FindSamples
) -> list[Served]:
    """The methods of one model of a plan, the default first."""
    manifest = plan.models[entry.alias]
    routes = {route.method: route for route in plan.routes if route.model == entry.alias}
    found = []
    for method, signature in manifest.methods.items():
        route = routes.get(method, Route("", method, model=entry.alias))
        found.append(
            Served(
                name=entry.name,
                version=entry.version,
                alias=entry.alias,
                label=entry.label,
                is_added=entry.alias in plan.added,
                regions=plan.regions,
                method=method,
                methods=tuple(manifest.methods),
                manifest=manifest,
                signature=signature,
                route=route,
                settings=plan.settings,
                condition=condition,
                limits=plan.limits(route, batchable=signature.batchable),
                find_samples=partial(samples, entry.alias, method),
            )
        )
    return found


def _recorded(plan: Plan, alias: str, method: str) -> Samples | None:
    path = plan.models[alias].samples.get(method)
    return None if path is None else Samples.read(plan.model_directory(alias) / path)
