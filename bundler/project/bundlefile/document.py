"""Bundlefile: what the author wrote, checked as a whole."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, StrictStr, ValidationInfo, field_validator
from pydantic import Tag as Choice

from .packaging import Cuda, Image, ModelRef, Security, System, without_secrets
from .problems import validate
from .python import Python
from .section import Distinct, List, Section
from .serving import Serve
from .text import Accelerator, Glob, LabelName, Line, Name, ServiceName, Version
from .wrong import quoted, wrong

Accelerators = Annotated[
    Annotated[Accelerator, Choice("one")] | Annotated[Distinct[Accelerator], Choice("list")],
    Discriminator(lambda value: "one" if isinstance(value, str) else "list"),
]


def _only_baked(schema: dict[str, Any]) -> None:
    schema.pop("enum", None)
    schema["const"] = "baked"


class Bundlefile(Section):
    """A bundlefile; `name` and `models` alone make a complete one."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    """Version of this format."""

    name: Name = Field(examples=["fraud"])
    """Name of the bundle."""

    version: Version | None = Field(default=None, examples=["1.4.0"])
    """Version of the bundle. Default: the first 12 digits of its digest."""

    description: str = Field(default="", max_length=10_000)
    """A description for people."""

    labels: dict[LabelName, Line] = Field(default_factory=dict, examples=[{"team": "risk"}])
    """Labels of the bundle and of its image."""

    service: ServiceName | None = Field(default=None, examples=["service:Fraud"])
    """The service class, as `module:Class`. Default: the first model is served without one."""

    models: List[ModelRef] = Field(default=(), validate_default=True, examples=[["iris:1.4"]])
    """Saved models that go into the bundle. At least one, unless there is a `service`."""

    include: Distinct[Glob] = Field(default=("**/*.py",), examples=[["**/*.py", "data/*.json"]])
    """Files that go into the bundle, as `.gitignore` patterns. Junk and secrets stay out."""

    exclude: Distinct[Glob] = Field(default=(), examples=[["tests/", "notebooks/"]])
    """Files that stay out even if `include` matches them, as `.gitignore` patterns."""

    python: Python = Field(default_factory=Python)
    """The interpreter and the packages."""

    accelerator: Accelerators = Field(
        default="auto", examples=["cpu", "cuda", "cuda==13.0", ["cuda", "cpu"]]
    )
    """What the models run on: `cpu`, `cuda`, one CUDA version, or `auto`: what the locked packages
    need. With a list, the lock holds all of them; `bundle build` takes the first, or the one of
    `--accelerator`."""

    cuda: Cuda = Field(default_factory=Cuda)
    """What the GPUs must be. Default: derived from the lock."""

    platforms: Distinct[Literal["linux/amd64", "linux/arm64"]] = Field(
        default=("linux/amd64",), json_schema_extra={"minItems": 1}
    )
    """Platforms of the lock and of the image."""

    image: Image = Field(default_factory=Image)
    """The container image."""

    system: System = Field(default_factory=System)
    """Debian packages and commands for the image."""

    serve: Serve = Field(default_factory=Serve)
    """The server."""

    test: StrictStr = Field(default="auto", json_schema_extra={"const": "auto"})
    """What `bundle test` replays: `auto`, the samples that were recorded when the models were
    saved."""

    security: Security = Field(default_factory=Security)
    """What loading a model may do, after the bundle is trusted."""

    weights: Literal["baked", "artifact"] = Field(default="baked", json_schema_extra=_only_baked)
    """Where the weights are: `baked`, in the bundle and in its image."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the bundlefile at `path`.

        Raises:
            BundlefileError: with everything that is wrong, each thing with its place.
        """
        return validate(cls, path)

    def serve_settings(self) -> dict[str, Any]:
        """The JSON form of `runtime.settings.ServeSettings`: seconds and bytes."""
        return self.serve.settings()

    @property
    def accelerators(self) -> tuple[str, ...]:
        """Every variant that the lock holds, the default one first."""
        given = self.accelerator
        return (given,) if isinstance(given, str) else given

    @field_validator("schema_version", mode="before")
    @classmethod
    def _known(cls, version: object) -> object:
        if type(version) is not int or version != 1:
            hint = "Upgrade with `pip install -U modelbundle`, if the file is of a newer one."
            raise wrong(f"{quoted(version)} is not one of `1`.", hint)
        return version

    @field_validator("models")
    @classmethod
    def _models(cls, models: tuple[ModelRef, ...], info: ValidationInfo) -> tuple[ModelRef, ...]:
        if not models and info.data.get("service", ...) is None:
            raise wrong(
                "is required where there is no `service`.",
                "Write `models: [NAME]`; `bundle models list` shows what is saved.",
            )
        taken: set[str] = set()
        for index, model in enumerate(models):
            folder = model.alias.casefold()  # a file system may not tell `A` from `a`
            if folder in taken:
                message = f"Two models have the name {quoted(model.alias)}."
                raise wrong(message, "Give one of them another: `as: NAME`.", (index, "as"))
            taken.add(folder)
        return models

    @field_validator("labels")
    @classmethod
    def _public(cls, labels: dict[str, str]) -> dict[str, str]:
        return without_secrets(labels)

    @field_validator("accelerator")
    @classmethod
    def _some_accelerator(cls, given: Any) -> Any:
        if not given:
            raise wrong("must name an accelerator.", "Write `[cuda, cpu]`, or take the key away.")
        return given

    @field_validator("cuda")
    @classmethod
    def _some_gpu(cls, cuda: Cuda, info: ValidationInfo) -> Cuda:
        if cuda.model_fields_set and info.data.get("accelerator") in ("cpu", ("cpu",)):
            raise wrong("The section has no meaning with `accelerator: cpu`.", "Take one away.")
        return cuda

    @field_validator("platforms")
    @classmethod
    def _some_platform(cls, platforms: tuple[str, ...]) -> tuple[str, ...]:
        if not platforms:
            raise wrong("must name a platform.", "Write `[linux/amd64]`, or take the key away.")
        return platforms

    @field_validator("test")
    @classmethod
    def _recorded(cls, test: str) -> str:
        if test == "off":
            raise wrong("A build tests nothing by itself.", "Leave `bundle test` out instead.")
        if test != "auto":
            raise wrong(
                f"{quoted(test)}: tests are the samples recorded with a model.",
                "Record others with `bundle save NAME SOURCE --sample FILE`.",
            )
        return test

    @field_validator("weights")
    @classmethod
    def _baked(cls, weights: str) -> str:
        if weights == "artifact":
            raise wrong("`artifact` is not known yet: weights are part of the bundle.")
        return weights
