"""A temporary bundle, to serve a saved model or a project without building it.

It has no lock, no vendored runtime and no digest that anyone keeps: it is a directory of links to
stored files, for the current environment, gone when the server ends.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...runtime.manifests.bundle_manifest import BundleManifest
from ...runtime.manifests.route import Route
from ...runtime.manifests.settings import ServeSettings
from ...runtime.version import __version__
from . import plan, routes, tunings
from .chosen_model import ChosenModel, check_trust, choose

if TYPE_CHECKING:
    from ..project.project import Project
    from ..store import Item, Store

WHY = "Served as it is, in the current environment, without a lock."


@contextmanager
def of_model(item: "Item", store: "Store") -> Iterator[Path]:
    """A bundle directory that serves every method of the saved model `item`.

    Raises:
        NotTrusted: when loading it runs code that is not trusted on this machine.
    """
    model = ChosenModel.of(item.name, item, store)
    check_trust([model], store)
    with _laid_out(manifest_of(model), store) as directory:
        yield directory


def manifest_of(model: ChosenModel) -> BundleManifest:
    """The manifest of the bundle that serves every method of one model."""
    answers = tuple(routes.of_models({model.alias: model.manifest}))
    return _manifest(model.alias, {model.alias: model}, answers)


@contextmanager
def of_project(
    project: "Project", store: "Store", admit: Callable[["Item"], None]
) -> Iterator[Path]:
    """A bundle directory that serves `project`; its `src` is the project itself.

    So a changed line is served at the next start, without another build.

    Args:
        project: what is served.
        store: has its models.
        admit: is told of each model first, and raises for one that may not run here.

    Raises:
        NotTrusted: when loading a model runs code that is not trusted on this machine.
    """
    bundlefile = project.bundlefile
    models = choose(bundlefile, store, None)
    for model in models.values():
        admit(model.item)
    tunings.check(project, models)
    check_trust(models.values(), store)
    served = routes.plan(project, {alias: model.manifest for alias, model in models.items()})
    manifest = replace(
        _manifest(bundlefile.name, models, served.routes),
        version=bundlefile.version,
        description=bundlefile.description,
        service=served.service,
        serve=bundlefile.serve_settings(),
        security=bundlefile.security.model_dump(mode="json"),
    )
    with _laid_out(manifest, store) as directory:
        (directory / "src").symlink_to(project.root, target_is_directory=True)
        yield directory


def _manifest(
    name: str, models: Mapping[str, ChosenModel], answers: tuple[Route, ...]
) -> BundleManifest:
    return BundleManifest(
        name=name,
        version=None,
        description="",
        labels={},
        models=tuple(model.entry for model in models.values()),
        service=None,
        routes=answers,
        files=(
            *(part.entry for part in plan.model_parts(models.values())),
            *(part.entry for part in plan.recorded_samples(models.values())),
        ),
        python=next((m.manifest.python for m in models.values() if m.manifest.python), ""),
        lock=None,
        hermetic=False,
        accelerator={"kind": "auto", "cuda": None, "min_driver": None, "archs": [], "why": [WHY]},
        serve=ServeSettings().to_json(),
        security={"pickle": "allow", "allow_globals": []},
        image={},
        packer=f"modelbundle {__version__}",
    )


@contextmanager
def _laid_out(manifest: BundleManifest, store: "Store") -> Iterator[Path]:
    with store.laying_out(manifest.files) as directory:
        (directory / "bundle.json").write_bytes(manifest.encode())
        yield directory
