"""Tag: how a person names a model or a bundle."""

import re
from dataclasses import dataclass
from typing import Literal, Self

from .errors import InvalidTag

Kind = Literal["model", "bundle"]
KINDS: tuple[Kind, ...] = ("model", "bundle")

NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_BARE_DIGEST = re.compile(r"[0-9a-f]{64}")  # as `--json` prints it
DIGEST = re.compile(r"sha256:[0-9a-f]{6,64}")
LIMIT = 128  # characters of a name or a version: every file system takes that
_NO_PATH = (
    "A project becomes a bundle with `bundle build DIR`, an archive with `bundle import PATH`; "
    "`bundle list` shows the tags."
)
RESERVED = frozenset({*KINDS, "sha256"})  # words that mean something else before a colon


@dataclass(frozen=True, slots=True)
class Tag:
    """`name`, `name:version`, `name@alias` or `sha256:…`, with an optional `model:`/`bundle:`.

    A bare name means its alias `latest`. Exactly one of `digest` and `name` is set, and at most
    one of `version` and `alias`. A digest may be cut short, down to six digits.
    """

    kind: Kind | None = None
    name: str | None = None
    version: str | None = None
    alias: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str, kind: Kind | None = None) -> Self:
        """Read a tag as a person writes it; `name:latest` is the alias `latest`.

        Raises:
            InvalidTag: with the rule that the text breaks.
        """
        kind, rest = _split_kind(text, kind)
        if "/" in rest or rest in {".", ".."}:
            raise InvalidTag(f"{rest[:LIMIT]!r} is a path; this takes a tag.", hint=_NO_PATH)
        if _BARE_DIGEST.fullmatch(rest):
            rest = "sha256:" + rest
        if rest.startswith("sha256:"):
            return cls(kind, digest=_check_digest(rest))
        if "@" in rest:
            name, alias = rest.split("@", 1)
            return cls(kind, check_name(name), alias=check_version(alias, "alias"))
        name, colon, version = rest.partition(":")
        if not colon or version == "latest":
            return cls(kind, check_name(name), alias="latest")
        return cls(kind, check_name(name), version=check_version(version))

    def __str__(self) -> str:
        if self.digest:
            return self.digest
        return f"{self.name}@{self.alias}" if self.alias else f"{self.name}:{self.version}"


def _split_kind(text: str, kind: Kind | None) -> tuple[Kind | None, str]:
    for prefix in KINDS:
        if text.startswith(prefix + ":") and len(text) > len(prefix) + 1:
            return prefix, text[len(prefix) + 1 :]
    return kind, text


def _check_digest(text: str) -> str:
    if DIGEST.fullmatch(text):
        return text
    raise InvalidTag(
        f"{text[:LIMIT]!r} is not a digest.", hint="Write `sha256:` and 6 to 64 digits of hex."
    )


def split(text: str) -> tuple[str, str | None]:
    """Read the `NAME` or `NAME:VERSION` of something new; raises InvalidTag with the rule."""
    name, colon, version = text.partition(":")
    return check_name(name), check_version(version) if colon else None


def check_name(name: str) -> str:
    """Return `name` if models and bundles may be called so; raises InvalidTag with the rule."""
    if name in RESERVED:
        raise InvalidTag(
            f"`{name}` cannot be a name: `{name}:…` already means something else.",
            hint=f"Say more, for example `my-{name}`.",
        )
    if NAME.fullmatch(name) and len(name) <= LIMIT:
        return name
    raise InvalidTag(
        f"{name[:LIMIT]!r} is not a valid name.",
        hint="Use lower-case letters and digits, with single `.`, `_` or `-` between them, "
        f"at most {LIMIT} characters.",
    )


def check_version(version: str, what: str = "version") -> str:
    """Return `version` if it may be one; aliases follow the same rule.

    Raises:
        InvalidTag: with the rule.
    """
    if VERSION.fullmatch(version) and len(version) <= LIMIT:
        return version
    raise InvalidTag(
        f"{version[:LIMIT]!r} is not a valid {what}.",
        hint=f"Use letters, digits, `.`, `_`, `+` and `-`, at most {LIMIT} characters.",
    )
