"""The sections that say what goes into a bundle and into its image."""

import re
from typing import Any, Literal, Self

from pydantic import Field, StrictBool, ValidationInfo, field_validator, model_validator

from ....runtime.manifests.tuning import Tuning
from ...tag import Tag
from ..secrets import is_secret_name, secret_in_value
from .quantity import Port, SomeDuration, User, Versions
from .section import Distinct, List, Section
from .short_section import ShortSection
from .text import (
    Alias,
    Arch,
    Command,
    Driver,
    EnvName,
    Global,
    ImageName,
    LabelName,
    Line,
    Ref,
    SystemPackage,
    Workdir,
)
from .wrong import one_of, quoted, wrong

_STEERS = re.compile(r"LD_|PYTHON|BUNDLE_|BASH_ENV$|ENV$|PATH$|HOME$|IFS$|SHELLOPTS$|GCONV_PATH$")
_SHORTEST_SECRET = 8  # characters; MAX_TOKEN: "512" is none


def without_secrets(labels: dict[str, str]) -> dict[str, str]:
    """Labels as they are; raises the error of one whose value looks like a secret."""
    for name, value in labels.items():
        if found := _looks_like(name, value):
            raise wrong(
                f"The value of `{name}` looks like {found}, and can be read in the image.",
                "Leave it out: labels are for everybody to read.",
                (name,),
            )
    return labels


def _looks_like(name: str, value: str) -> str | None:
    """What secret a value looks like, by itself or by its name; None for none."""
    if found := secret_in_value(value):
        return found
    is_named = is_secret_name(name) and len(value) >= _SHORTEST_SECRET
    return "a secret" if is_named else None


class ModelRef(ShortSection):
    """A saved model that goes into the bundle, and its name there."""

    ref: Ref = Field(examples=["iris", "iris:1.4", "iris@production"])
    """Tag of a saved model: `name` (the latest), `name:version`, `name@alias` or `sha256:…`."""

    as_: Alias | None = Field(default=None, alias="as", examples=["ranker"])
    """Its name in code (`mb.model("ranker")`) and in URLs. Default: the model's own name."""

    pin: StrictBool = False
    """Keep the digest in the lock until `bundle lock` runs again. Otherwise each build takes the
    model that the tag names at that moment."""

    versions: Versions = Field(default=1, examples=["all", 2, ["1.3", "1.4"]])
    """Which versions are served: a number (so many of the latest), `all`, or a list. The latest, or
    the last in the list, has the name of the model. The others have their version behind it: `iris`
    of version `1.3` is `iris-1-3`."""

    load: Literal["start", "lazy"] = "start"
    """When the server loads it: at its start, or at the first request, which waits for it."""

    unload_after: SomeDuration | None = Field(default=None, examples=["10m"])
    """With `load: lazy`: unload the model after so much time without a request."""

    precision: Literal["float32", "bfloat16", "float16"] | None = Field(
        default=None, examples=["bfloat16"]
    )
    """For torch models: the dtype of weights and arithmetic. Requests and answers keep their
    dtypes. Default: as the model was saved. `bundle test` shows what it changes."""

    compile: StrictBool | Literal["reduce-overhead"] = False
    """For torch models: compile the model when the server starts. `reduce-overhead` also records
    CUDA graphs. This needs a C++ compiler on the machine that serves."""

    @property
    def tag(self) -> Tag:
        """What `ref` names."""
        return Tag.parse(self.ref, "model")

    @property
    def alias(self) -> str:
        """Its name in the bundle."""
        return self.as_ or self.tag.name or ""

    @property
    def label(self) -> str | None:
        """The alias in the store by which `ref` names it; `latest` is what no alias means."""
        return self.tag.alias if self.tag.alias != "latest" else None

    @property
    def tuning(self) -> Tuning:
        """How it computes."""
        return Tuning(self.precision, self.compile)

    @field_validator("compile", mode="before")
    @classmethod
    def _way(cls, value: Any) -> Any:
        if not isinstance(value, bool) and value != "reduce-overhead":
            raise one_of(value, ("false", "true", "reduce-overhead"))
        return value

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not self.alias:
            raise wrong("A digest says no name.", "Add `as: NAME`.", ("ref",))
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.unload_after is not None and self.load != "lazy":
            raise wrong(
                "`unload_after` needs `load: lazy`: who asks later must find it again.",
                "Write `load: lazy`, or take `unload_after` away.",
                ("unload_after",),
            )
        if self.versions == 1:
            return self
        if self.tag.alias != "latest":
            message = f"{quoted(self.ref)} is one version already."
            raise wrong(message, "Write the name alone, or take `versions` away.", ("versions",))
        if self.pin:
            message = "`pin` keeps one version, and there are several."
            raise wrong(message, "List the `versions` that it should be.", ("pin",))
        return self


class Cuda(Section):
    """What the GPUs must be. What is left out is derived from the lock."""

    flavor: Literal["auto", "none", "base", "runtime", "cudnn-runtime", "devel", "cudnn-devel"] = (
        "auto"
    )
    """The kind of CUDA base image; `none` is a slim image without CUDA libraries."""

    min_driver: Driver | None = Field(default=None, examples=["580"])
    """The oldest driver that the server accepts."""

    archs: Distinct[Arch] = Field(default=(), examples=[["8.0", "9.0"]])
    """Compute capabilities that the server accepts."""


class Image(Section):
    """The container image."""

    base: ImageName | None = Field(default=None, examples=["python:3.12-slim"])
    """The base image. Default: chosen when the bundle is locked; see `bundle build --explain`."""

    user: User = Field(default="65532", examples=[65532, "65532:65532"])
    """Number of the user that runs the server, with `:group` if it differs; never root."""

    workdir: Workdir = "/opt/bundle"
    """Directory of the bundle in the image."""

    env: dict[EnvName, Line] = Field(default_factory=dict, examples=[{"OMP_NUM_THREADS": "4"}])
    """Environment variables. No secrets: pass those to the container when it starts."""

    ports: Distinct[Port] = ()
    """Ports that the image declares. Default: `serve.port`."""

    labels: dict[LabelName, Line] = Field(default_factory=dict)
    """Labels of the image only, in addition to the labels of the bundle."""

    @field_validator("env")
    @classmethod
    def _harmless(cls, env: dict[str, str]) -> dict[str, str]:
        for name, value in env.items():
            if _STEERS.match(name):
                raise wrong(
                    f"`{name}` changes how the server is loaded or trusted.",
                    "Give it to the container when it starts, where it is needed.",
                    (name,),
                )
            if found := _looks_like(name, value):
                raise wrong(
                    f"The value of `{name}` looks like {found}, and can be read in the image.",
                    f"Give it to the container when it starts: `docker run -e {name} …`.",
                    (name,),
                )
        return env

    @field_validator("labels")
    @classmethod
    def _public(cls, labels: dict[str, str]) -> dict[str, str]:
        return without_secrets(labels)


class Run(ShortSection):
    """One command that runs while the image is built."""

    command: Command = Field(examples=["ldconfig"])
    """A line for `/bin/sh -c`, run as root."""

    secrets: List[EnvName] = Field(default=(), json_schema_extra={"maxItems": 0})
    """Refused: build secrets need BuildKit, which the Containerfile does not ask for."""

    @field_validator("secrets")
    @classmethod
    def _none(cls, secrets: tuple[str, ...]) -> tuple[str, ...]:
        if secrets:
            raise wrong(
                "Build secrets need BuildKit, which the Containerfile does not ask for.",
                "Fetch what is needed before the build, and `include` it.",
            )
        return secrets


class System(Section):
    """Debian packages and commands for the image; such a bundle is not hermetic."""

    packages: Distinct[SystemPackage] = Field(default=(), examples=[["libgomp1"]])
    """Debian packages that are installed in the image."""

    run: List[Run] = Field(default=(), examples=[["ldconfig"]])
    """Commands that run while the image is built, one line each. Use them only if nothing else
    helps."""


class Security(Section):
    """What loading a model may do, after the bundle is trusted."""

    pickle: Literal["deny", "allow-listed", "allow"] = "allow"
    """`allow` loads all pickles of trusted models. `allow-listed` loads only plain values, arrays
    and what `allow_globals` names. `deny` loads no pickle."""

    allow_globals: Distinct[Global] = Field(default=(), examples=[["sklearn.*", "numpy.random.*"]])
    """What pickles may use with `pickle: allow-listed`: `package.module.Name`, or `package.*` for a
    package's own values and objects. Anything else that a pickle calls must be named in full."""

    @field_validator("allow_globals")
    @classmethod
    def _listed(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        pickle = info.data.get("pickle", "allow-listed")
        if names and pickle != "allow-listed":
            raise wrong(
                f"The list has no meaning with `pickle: {pickle}`.",
                "Write `pickle: allow-listed`, or take the list away.",
            )
        return names
