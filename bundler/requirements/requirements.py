"""Requirements: all requirements of a lock, each with its origin."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from ...runtime.manifests.model_manifest import ModelManifest
from ...runtime.manifests.route import Route
from ..errors import ResolveError
from . import builds
from .lock.author_pin import AuthorPin

RUNTIME = (
    "numpy>=1.26",
    "orjson>=3.10",
    "pysimdjson>=7.0; python_version < '3.14'",  # no wheels beyond; `number_rows` does without
    "prometheus-client>=0.20",
    "starlette>=0.40",
    "uvicorn>=0.30",
    "uvloop>=0.19; sys_platform != 'win32'",
    "httptools>=0.6.3",
)
"""The packages of the server. The ranges are wide, so that they fit the author's pins."""

TABLES = "pandas>=2.1"
IMAGES = "pillow>=10.3"

FORMATS = {
    "arrow": "pyarrow>=16",
    "parquet": "pyarrow>=16",
    "msgpack": "msgpack>=1.0.8",
    "image": IMAGES,
}
"""The packages of formats, by their names in `serve.formats`."""

DIALECTS = {"grpc": ("grpcio>=1.84", "protobuf>=5.29")}
"""The packages of dialects, by their names in `serve.dialects`."""

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")


def normalize(name: str) -> str:
    """`name` as the index compares it: lower case, with `-` for every run of `-_.`."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line for the resolver (PEP 508) and who asks for it, in words."""

    text: str
    origin: str

    @property
    def name(self) -> str:
        """The distribution, normalized; empty where the line names none."""
        found = _NAME.match(self.text)
        return normalize(found[1]) if found else ""

    def __str__(self) -> str:
        return f"`{self.text}` ({self.origin})"


@dataclass(frozen=True, slots=True)
class Requirements:
    """Everything that goes into one resolution.

    wanted       must be in the lock
    limits       bind only what is there anyway (`-c` of a requirements file)
    preferences  name -> version to take where the rest allows it
    given        name -> what a lock of the author's pins of it
    recorded     name -> (version, model) that a model was saved with
    """

    wanted: tuple[Requirement, ...]
    limits: tuple[Requirement, ...] = ()
    preferences: Mapping[str, str] = field(default_factory=dict)
    recorded: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    given: Mapping[str, AuthorPin] = field(default_factory=dict)

    @classmethod
    def gather(
        cls,
        user: Sequence[Requirement],
        limits: Sequence[Requirement],
        models: Mapping[str, ModelManifest],
        routes: Iterable[Route] = (),
        formats: Iterable[str] = (),
    ) -> Self:
        """Put together what the author, the models, the service and the runtime ask for.

        `formats` are those of `serve.formats`.

        A model's packages are pinned to the versions that it was saved with. If the author names
        the same package, or another build of it, the author's requirement holds, and the recorded
        version is only preferred. If that requirement has a marker, the package is asked for
        without one, too: the model needs it on each platform.

        Raises:
            ResolveError: when two models were saved with versions that exclude each other.
        """
        named = {requirement.name for requirement in user}
        certain = {requirement.name for requirement in user if ";" not in requirement.text}
        taken = {builds.place(name) for name in named} - {None}
        limited = {requirement.name for requirement in limits}
        recorded, warnings = _recorded(models, named | limited)
        pins = [
            Requirement(
                name if name in named | limited else f"{name}=={version}",
                _saved_with(alias, version),
            )
            for name, (version, alias) in recorded.items()
            if name not in certain and builds.place(name) not in taken
        ]
        own = [Requirement(text, "modelbundle's runtime") for text in RUNTIME]
        extras = _extras(models, routes)
        extras += [Requirement(FORMATS[name], f"`serve.formats` has `{name}`") for name in formats]
        return cls(
            wanted=(*user, *pins, *extras, *own),
            limits=tuple(limits),
            preferences=_preferred(recorded, named),
            recorded=recorded,
            warnings=tuple(warnings),
        )

    def fitted(self, accelerator: str) -> Self:
        """The same with the builds for an accelerator of what models need and no author names."""
        preferred = {
            builds.fitting(name, accelerator).partition("[")[0]: version
            for name, version in self.preferences.items()
        }
        wanted = tuple(self._fitted(item, accelerator) for item in self.wanted)
        return replace(self, wanted=wanted, preferences={**self.preferences, **preferred})

    def _fitted(self, item: Requirement, accelerator: str) -> Requirement:
        version, alias = self.recorded.get(item.name, ("", ""))
        if item.origin != _saved_with(alias, version):
            return item
        build = builds.fitting(item.name, accelerator)
        return replace(item, text=build + item.text.removeprefix(item.name))

    def asked_for(self, name: str) -> list[Requirement]:
        """Every requirement and limit on the distribution `name`."""
        return [r for r in (*self.wanted, *self.limits) if r.name == normalize(name)]


def _preferred(recorded: Mapping[str, tuple[str, str]], named: set[str]) -> dict[str, str]:
    """The recorded versions, also of other builds of the same that the author names."""
    places = {builds.place(name): version for name, (version, _) in recorded.items()}
    others = {name: places[builds.place(name)] for name in named if builds.place(name) in places}
    return others | {name: version for name, (version, _) in recorded.items()}


def _saved_with(alias: str, version: str) -> str:
    return f"model `{alias}` was saved with {version}"


def _recorded(
    models: Mapping[str, ModelManifest], named: set[str]
) -> tuple[dict[str, tuple[str, str]], list[str]]:
    chosen: dict[str, tuple[str, str]] = {}
    warnings = []
    unlike: dict[str, str] = {}
    for alias, manifest in models.items():
        for distribution, version in sorted(manifest.packages.items()):
            name = normalize(distribution)
            before, other = chosen.setdefault(name, (version, alias))
            if before == version or name in named:
                continue
            text = f"Models `{other}` and `{alias}` were saved with {name} {before} and {version}"
            if _parts(before)[:2] != _parts(version)[:2]:
                unlike.setdefault(name, f"{text}.")
                continue
            chosen[name] = max(chosen[name], (version, alias), key=lambda pair: _parts(pair[0]))
            warnings.append(f"{text}; the lock takes {chosen[name][0]}.")
    if unlike:
        decided = " and ".join(f"`{name}==…`" for name in unlike)
        raise ResolveError(
            "\n".join(unlike.values()),
            hint=f"Save one of them again, or decide with {decided} under "
            "`python.requirements` in the bundlefile.",
        )
    return chosen, warnings


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _extras(models: Mapping[str, ModelManifest], routes: Iterable[Route]) -> list[Requirement]:
    extras = [
        Requirement(TABLES, f"model `{alias}` takes or gives tables")
        for alias, manifest in models.items()
        if any(
            "columns" in (signature.inputs.layout, signature.outputs.layout)
            for signature in manifest.methods.values()
        )
    ]
    for route in routes:
        kinds = {route.input.get("kind"), route.output.get("kind")}
        if "dataframe" in kinds:
            extras.append(Requirement(TABLES, f"route `{route.path}` takes or gives tables"))
        if "image" in kinds:
            extras.append(Requirement(IMAGES, f"route `{route.path}` takes or gives images"))
    return extras
