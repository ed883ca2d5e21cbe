"""The section that says which interpreter and which packages."""

from typing import Annotated, Self

from pydantic import Discriminator, Field, ValidationInfo, field_validator, model_validator
from pydantic import Tag as Choice

from ...requirements.requirements import normalize
from .section import Distinct, Section
from .short_section import ShortSection
from .text import (
    IndexName,
    InsidePath,
    Moment,
    Package,
    PythonVersion,
    Requirement,
    RequirementFile,
    Url,
)
from .wrong import quoted, wrong

Requirements = Annotated[
    Annotated[Distinct[Requirement], Choice("list")] | Annotated[RequirementFile, Choice("file")],
    Discriminator(lambda value: "file" if isinstance(value, str) else "list"),
]


class IndexRef(ShortSection):
    """A package index besides PyPI."""

    url: Url = Field(examples=["https://pypi.example.com/simple"])
    """Its address, without credentials."""

    name: IndexName | None = Field(default=None, examples=["internal"])
    """The name of the index. Credentials come from `UV_INDEX_<NAME>_USERNAME` and
    `UV_INDEX_<NAME>_PASSWORD`, for the host in `BUNDLE_INDEX_<NAME>_HOST`; or from a keyring or
    `~/.netrc`."""

    packages: Distinct[Package] = Field(default=(), examples=[["acme-features", "acme-models"]])
    """Packages that come from this index only; nothing else then comes from it. Without this key,
    the index is asked first for everything."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.packages and self.name is None:
            raise wrong("An index with `packages` needs a name.", "Add `name: NAME`.")
        return self


class Python(Section):
    """The interpreter and the packages."""

    version: PythonVersion | None = Field(default=None, examples=["3.12", "3.12.4"])
    """Target interpreter. Default: the minor version that the models were saved with."""

    requirements: Requirements = Field(
        default=(), examples=[["scikit-learn>=1.4", "pandas"], "requirements.txt"]
    )
    """What is locked, besides the packages that the models were saved with: a list of requirements,
    or the path of a requirements.txt, pyproject.toml, pylock.toml or uv.lock. What these files pin
    is kept, with its hashes."""

    extras: Distinct[Package] = Field(default=(), examples=[["gpu"]])
    """Extras to use of that pyproject.toml, pylock.toml or uv.lock."""

    groups: Distinct[Package] = Field(default=(), examples=[["serving"]])
    """Dependency groups to use of that file."""

    exclude_packages: Distinct[Package] = Field(default=(), examples=[["nvidia-nccl-cu12"]])
    """Packages that are left out, even if other packages ask for them."""

    lock: InsidePath = "bundle.lock"
    """The path of the lock. Commit this file."""

    indexes: Distinct[IndexRef] = Field(
        default=(),
        examples=[
            [{"name": "internal", "url": "https://pypi.example.com/simple", "packages": ["acme"]}]
        ],
    )
    """Package indexes besides PyPI."""

    find_links: Distinct[InsidePath] = Field(default=(), examples=[["wheels"]])
    """Folders of wheels in the project. They come before any index."""

    exclude_newer: Moment | None = Field(default=None, examples=["2026-08-01"])
    """Ignore files that were uploaded to an index after this day (UTC)."""

    allow_source: Distinct[Package] = Field(default=(), examples=[["some-package"]])
    """Packages that may be built from source if there is no wheel for them. The bundle is then not
    hermetic."""

    @field_validator("indexes")
    @classmethod
    def _told_apart(cls, indexes: tuple[IndexRef, ...]) -> tuple[IndexRef, ...]:
        names: set[str] = set()
        bound: dict[str, str] = {}
        for position, index in enumerate(indexes):
            name = (index.name or "").casefold()
            if name and name in names:
                message = f"Two indexes have the name {quoted(index.name)}."
                raise wrong(message, "Give one of them another.", (position, "name"))
            names.add(name)
            for package in map(normalize, index.packages):
                if package in bound:
                    message = f"{quoted(package)} is bound to `{bound[package]}` already."
                    raise wrong(message, "Name it under one index.", (position, "packages"))
                bound[package] = index.name or index.url
        return indexes

    @field_validator("extras", "groups")
    @classmethod
    def _in_a_file(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        wanted = info.data.get("requirements", "")
        if names and not (isinstance(wanted, str) and not wanted.endswith((".txt", ".in"))):
            raise wrong(
                "Extras and groups are those of a file.",
                "Name it: `requirements: pyproject.toml` (or uv.lock, pylock.toml).",
            )
        return names
