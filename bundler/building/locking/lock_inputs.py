"""LockInputs: everything that a lock depends on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from ....runtime import canonical, digest
from ....runtime.manifests.route import Route
from ...errors import ResolveError
from ...requirements.declared import python_range, requirement_files
from ...requirements.index import Index
from ...requirements.lock import author_pin
from ...requirements.lock.lock import SCHEMA
from ...requirements.marker import environment
from ...requirements.requirements import DIALECTS, Requirement, Requirements, normalize
from ...requirements.target import MACHINES, Target
from ..chosen_model import ChosenModel

if TYPE_CHECKING:
    from ...project.bundlefile.python import IndexRef
    from ...project.project import Project

OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class LockInputs:
    """The inputs of a lock; their digest shows whether an old lock is still valid."""

    requirements: Requirements
    target: Target
    platforms: tuple[str, ...]
    accelerator: str
    flavor: str
    base: str | None

    @classmethod
    def of(
        cls,
        project: "Project",
        models: Mapping[str, ChosenModel],
        answers: Sequence[Route] = (),
        accelerator: str | None = None,
    ) -> Self:
        """The inputs of `project` with these models.

        Raises:
            ResolveError: when no Python version is known, or requirements cannot be read.
        """
        settings, bundlefile = project.bundlefile.python, project.bundlefile
        indexes = tuple(_index(index) for index in settings.indexes)
        written = requirement_files.read(
            settings.requirements, project.root, settings.extras, settings.groups, indexes
        )
        python = python_version(settings.version, models)
        python_range.check(written.python, python, str(settings.requirements))
        on = {str(name): environment(python, MACHINES[name]) for name in bundlefile.platforms}
        written.check_environments(on, str(settings.requirements))
        manifests = {alias: model.manifest for alias, model in models.items()}
        protocols = _spoken(bundlefile.serve.dialects)
        gathered = Requirements.gather(
            (*written.wanted, *protocols),
            written.limits,
            manifests,
            answers,
            bundlefile.serve.formats or (),
        )
        return cls(
            requirements=replace(gathered, given=author_pin.meant(written.given, [*on.values()])),
            target=Target(
                python=python,
                platform=bundlefile.platforms[0],
                indexes=(*indexes, *_unbound(written.indexes, indexes)),
                find_links=tuple(settings.find_links),
                exclude_newer=settings.exclude_newer,
                allow_source=tuple(sorted(map(normalize, settings.allow_source))),
                excludes=tuple(sorted(map(normalize, settings.exclude_packages))),
                directory=project.root,
            ),
            platforms=tuple(bundlefile.platforms),
            accelerator=accelerator or bundlefile.accelerators[0],
            flavor=bundlefile.cuda.flavor,
            base=bundlefile.image.base,
        )

    @property
    def digest(self) -> str:
        """Digest of all of it."""
        target, requirements = self.target, self.requirements
        data: dict[str, Any] = {
            "schema": SCHEMA,
            "wanted": sorted({item.text for item in requirements.wanted}),
            "limits": sorted({item.text for item in requirements.limits}),
            "preferences": dict(requirements.preferences),
            "given": {
                name: {version: sorted(digests) for version, digests in given.files.items()}
                for name, given in requirements.given.items()
            },
            "python": target.python,
            "platforms": list(self.platforms),
            "accelerator": self.accelerator,
            "flavor": self.flavor,
            "base": self.base,
            "indexes": [index.to_json() for index in target.indexes],
            "find_links": list(target.find_links),
            "exclude_newer": target.exclude_newer,
            "allow_source": list(target.allow_source),
            "exclude_packages": list(target.excludes),
        }
        return digest.of_bytes(canonical.dumps(data))


def _unbound(found: Sequence[Index], known: Sequence[Index]) -> list[Index]:
    """The indexes of an author's lock, without those that the bundlefile replaces."""
    taken = {name for index in known for name in index.packages}
    left = [replace(i, packages=tuple(p for p in i.packages if p not in taken)) for i in found]
    return [index for index in left if index.packages]


def _index(written: "IndexRef") -> Index:
    packages = tuple(sorted(map(normalize, written.packages)))
    return Index(written.url, written.name or "", packages)


def python_version(wanted: str | None, models: Mapping[str, ChosenModel]) -> str:
    """The Python version of the target: from the bundlefile, else the minor that saved the models.

    Raises:
        ResolveError: when neither has one, the models disagree, or the runtime does not support it.
    """
    saved = {
        alias: ".".join(model.manifest.python.split(".")[:2])
        for alias, model in models.items()
        if model.manifest.python
    }
    hint = 'Set it in the bundlefile, e.g. `python: {version: "3.12"}`.'
    if wanted is None and not saved:
        raise ResolveError("Nothing says which Python the bundle is for.", hint=hint)
    if wanted is None and len(set(saved.values())) > 1:
        listed = ", ".join(f"`{alias}` with {minor}" for alias, minor in saved.items())
        raise ResolveError(f"The models were saved with different Pythons: {listed}.", hint=hint)
    version = wanted or next(iter(saved.values()))
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_PYTHON:
        raise ResolveError(
            f"The runtime needs Python 3.11 or newer; this bundle would be for {version}.",
            hint="Save the models again with a newer Python, or " + hint[0].lower() + hint[1:],
        )
    return version


def _spoken(dialects: Sequence[str]) -> list[Requirement]:
    """The packages of the enabled protocols."""
    return [
        Requirement(text, f"`serve.dialects` has `{name}`")
        for name in dialects
        for text in DIALECTS.get(name, ())
    ]
