"""Tunings: checks `precision` and `compile` of a bundlefile against the models."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from ...runtime.frameworks import registry
from ..project import yaml_source
from .chosen_model import ChosenModel

if TYPE_CHECKING:
    from ...runtime.manifests.model_manifest import ModelManifest
    from ...runtime.manifests.tuning import Tuning
    from ..project.project import Project

_COMPILERS = frozenset({"g++", "gcc", "clang", "build-essential"})


def check(project: "Project", models: Mapping[str, ChosenModel]) -> None:
    """Refuse what a model cannot do; raises BundlefileError with the place of each such key."""
    reasons = {alias: _refusal(m.manifest, m.tuning) for alias, m in models.items()}
    if not any(reasons.values()):
        return
    source = yaml_source.read(project.path)
    for index, reference in enumerate(project.bundlefile.models):
        if reason := reasons[reference.alias]:
            key = "precision" if reference.precision else "compile"
            source.report(("models", index, key), reason, "Take the key away.")
    source.check()


def why(models: Iterable[ChosenModel]) -> Iterator[str]:
    """How each tuned model computes, and what is allowed to differ, a sentence each."""
    for model in models:
        if allowed := model.tuning.tolerance:
            relative, share = (f"{100 * part:g} %" for part in allowed)
            yield (
                f"Model `{model.alias}` computes otherwise than it was saved: "
                f"{model.tuning.words}. `bundle test` allows {relative} of an answer, or {share} "
                "of the largest one, to differ from the recorded ones."
            )


def doubts(models: Iterable[ChosenModel], packages: Iterable[str]) -> Iterator[str]:
    """What a compiled model will lack in the image, a sentence each."""
    names = {package.partition("=")[0] for package in packages}
    for model in models:
        if model.tuning.compile and not names & _COMPILERS:
            yield (
                f"Model `{model.alias}` is compiled when the server starts, and no package under "
                "`system.packages` brings a compiler into the image; `g++` does."
            )


def _refusal(manifest: "ModelManifest", tuning: "Tuning") -> str | None:
    """An adapter of another package is not imported: looking never executes."""
    if tuning.is_default or not registry.is_builtin(manifest.loader):
        return None
    return registry.refusal(registry.load(manifest.loader), manifest.format, tuning)
