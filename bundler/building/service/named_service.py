"""A service class named as `module:Class`, with the project around it.

A bundlefile there keeps its say about all but the class; without one the models are those that the
source asks for. Nothing is run, and nothing is written.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...errors import BuildError
from ...project.project import DEFAULT_NAME, Project
from .service_source import read_service
from .syntax.tree import SourceTree

if TYPE_CHECKING:
    from ...project.bundlefile import Bundlefile

_TARGET = re.compile(r"([^\W\d]\w*(?:[./][^\W\d]\w*)*?)(?:\.py)?:([^\W\d]\w*)")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Named(NamedTuple):
    """What a text names, if it names a class: `fraud.service:Fraud`, `fraud/service.py:Fraud`."""

    module: str
    name: str

    @classmethod
    def read(cls, target: str, root: Path) -> "Named | None":
        """Module and class of `target`; None where `root` has no such module."""
        match = _TARGET.fullmatch(target)
        if match is None:
            return None
        module = match[1].replace("/", ".")
        return cls(module, match[2]) if SourceTree(root).has(module) else None

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"


def project_of(named: Named, root: Path) -> Project:
    """The project in `root` with that class as its service.

    Raises:
        BuildError: with file and line, when there is no such class, or no server could run it.
        BundlefileError: when a bundlefile is there and is wrong.
    """
    from ...project.bundlefile import Bundlefile

    source = read_service(root, str(named))
    path = root / DEFAULT_NAME
    if path.is_file():
        return Project(root, path, _with_service(Bundlefile.read(path), str(named), source.models))
    name = _HUMP.sub("-", named.name).lower().strip("_")
    name = re.sub(r"[^a-z0-9]+", "-", name).strip("-") or "service"
    made: dict[str, object] = {"name": name, "service": str(named), "models": list(source.models)}
    try:
        return Project(root, path, Bundlefile.model_validate(made))
    except ValueError as error:
        raise BuildError(
            f"`{named}` cannot be served without a bundlefile: one of its models has no name "
            "that a tag could have.",
            hint="Write one with `bundle init --service`, and name the model under `models:`.",
        ) from error


def _with_service(bundlefile: "Bundlefile", service: str, models: tuple[str, ...]) -> "Bundlefile":
    """The same with another class, and with the models that only that one asks for."""
    from ...project.bundlefile import ModelRef

    known = {each.alias for each in bundlefile.models} | {
        each.tag.name for each in bundlefile.models
    }
    more = [ModelRef(ref=name) for name in models if name not in known]
    return bundlefile.model_copy(update={"service": service, "models": (*bundlefile.models, *more)})
