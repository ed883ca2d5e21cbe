"""The routes of a bundle: those of its service class, or one per model method.

A bundle without a service serves the methods of its first model at `/<method>`; where it has
several models, each one's methods are also at `/<alias>/<method>`.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ...runtime.manifests.model_manifest import ModelManifest
from ...runtime.manifests.route import Route
from ...runtime.nearest import did_you_mean
from ..errors import BuildError
from .service.service_source import RESERVED, read_service

if TYPE_CHECKING:
    from ..project.project import Project


@dataclass(frozen=True, slots=True)
class Served:
    """What a bundle serves.

    service  "module:Class", or None where the models are served as they are
    imports  top-level modules that the service's own files import
    files    the project's files that the service's own imports, each with who imports it
    """

    service: str | None
    routes: tuple[Route, ...]
    imports: frozenset[str] = frozenset()
    files: Mapping[str, str] = field(default_factory=dict)


def plan(project: "Project", models: Mapping[str, ModelManifest]) -> Served:
    """The routes of `project` with these models by alias; the service is read, never imported.

    Raises:
        BuildError: for a service that cannot be read, an unknown model or API, or a route that
            is taken.
    """
    bundlefile = project.bundlefile
    if bundlefile.service is None:
        first = bundlefile.models[0].alias if bundlefile.models else None
        served = Served(None, tuple(of_models(models, first)))
    else:
        served = _of_service(project, bundlefile.service, models)
    routes = tuple(_overridden(served.routes, bundlefile.serve.apis))
    _check_paths(routes)
    return replace(served, routes=routes)


def of_models(models: Mapping[str, ModelManifest], first: str | None = None) -> list[Route]:
    """One route for each method of each model; those of `first` have a short one, too."""
    if not models:
        raise BuildError(
            "There is nothing to serve: neither a model nor a service.",
            hint="List a saved model under `models:` in the bundlefile.",
        )
    for alias, manifest in models.items():
        _check_served(alias, manifest)
    first = first if first is not None and first in models else next(iter(models))
    bare = [_of_method(f"/{name}", name, first, models[first]) for name in models[first].methods]
    if len(models) == 1:
        return bare
    return bare + [
        _of_method(f"/{alias}/{name}", name, alias, manifest)
        for alias, manifest in models.items()
        for name in manifest.methods
    ]


def _check_served(alias: str, manifest: ModelManifest) -> None:
    if not manifest.methods:
        raise BuildError(
            f"The model `{alias}` has nothing to call, so it cannot be served by itself.",
            hint=f'Write a service class that uses `modelbundle.model("{alias}").object`, '
            "or save it again with `--method`.",
        )


def _of_method(path: str, method: str, alias: str, manifest: ModelManifest) -> Route:
    return Route(path, method, model=alias, batchable=manifest.methods[method].batchable)


def _of_service(project: "Project", target: str, models: Mapping[str, ModelManifest]) -> Served:
    source = read_service(project.root, target)
    named = [reference.tag.name for reference in project.bundlefile.models]
    known = {*models, *(name for name in named if name)}
    for name in source.models:
        if name not in known:
            raise BuildError(
                f'The service asks for `model("{name}")`, which is not under `models:`.',
                hint=did_you_mean(name, known) or f"Add `{name}` to `models:` in the bundlefile.",
            )
    return Served(target, tuple(source.routes), source.imports, source.files)


def _overridden(routes: Iterable[Route], apis: Mapping[str, Any]) -> list[Route]:
    """The routes with what `serve.apis` says of them, by name."""
    routes = list(routes)
    names = [_name(route) for route in routes]
    for name in apis:
        if name not in names:
            raise BuildError(
                f"`serve.apis` names `{name}`, which is not an API of this bundle.",
                hint=did_you_mean(name, names) or f"It has {', '.join(f'`{n}`' for n in names)}.",
            )
    return [
        _with(route, apis[name]) if name in apis else route
        for route, name in zip(routes, names, strict=True)
    ]


def _name(route: Route) -> str:
    """How `serve.apis` calls a route: `predict`, or `alias.predict` below an alias."""
    depth = route.path.count("/")
    return route.method if route.service or depth == 1 else f"{route.model}.{route.method}"


def _with(route: Route, api: Any) -> Route:
    changes = {
        "path": api.route,
        "max_batch_size": api.batch.max_batch_size if api.batch else None,
        "latency_budget": api.batch.latency_budget if api.batch else None,
    }
    return replace(route, **{name: value for name, value in changes.items() if value is not None})


def _check_paths(routes: Sequence[Route]) -> None:
    taken: dict[str, Route] = {}
    for route in routes:
        if route.path in RESERVED:
            raise BuildError(
                f"`{route.method}` cannot be served at `{route.path}`: the server answers there.",
                hint=f"Give it another route under `serve.apis.{_name(route)}`.",
            )
        if route.path in taken:
            raise BuildError(
                f"`{_name(taken[route.path])}` and `{_name(route)}` are both at `{route.path}`.",
                hint=f"Give one of them another route under `serve.apis.{_name(route)}`.",
            )
        taken[route.path] = route


def check_included(served: Served, paths: Iterable[str], locked: Iterable[str]) -> None:
    """Refuse a bundle without the file that its service is in, or without one that it imports.

    A module may be called as one of the `locked` packages, which then is imported in its place.

    Raises:
        BuildError: naming the file.
    """
    if served.service is None:
        return
    given, packages = set(paths), {name.replace("-", "_") for name in locked}
    module = served.service.partition(":")[0].replace(".", "/")
    homes = [f"{root}{module}{end}" for root in ("", "src/") for end in (".py", "/__init__.py")]
    if not set(homes) & given:
        raise _left_out(homes[0], "the service is in")
    for path, who in served.files.items():
        top = path.removeprefix("src/").partition("/")[0].removesuffix(".py")
        if path not in given and top not in packages:
            raise _left_out(path, f"`{who}` imports")


def _left_out(path: str, why: str) -> BuildError:
    return BuildError(
        f"`include` leaves out `{path}`, which {why}.",
        hint=f"Add `{path}` to `include` in the bundlefile.",
    )


_DISTRIBUTIONS = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "google": "protobuf",
    "jwt": "pyjwt",
    "multipart": "python-multipart",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def missing(imports: Iterable[str], own: Iterable[str], locked: Iterable[str]) -> list[str]:
    """Warnings for imported modules that no locked package seems to provide.

    `own` are modules of the project itself. A guess by name, hence never an error.
    """
    provided = {name.replace("-", "_") for name in locked} | {"modelbundle"} | set(own)
    warnings = []
    for module in sorted(set(imports) - sys.stdlib_module_names - set(own)):
        name = _DISTRIBUTIONS.get(module, module)
        spellings = {name.replace("-", "_").lower(), f"python_{name.lower()}"}
        headless = module == "cv2" and any("opencv" in each for each in provided)
        if not (spellings & provided or headless):
            warnings.append(
                f"The service imports `{module}`, which no locked package seems to provide; "
                f"perhaps `{name}` belongs under `python.requirements`."
            )
    return warnings
