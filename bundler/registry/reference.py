"""Reference: the name of a remote and an item in it, as a person types it."""

import ipaddress
import re
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from ..errors import InvalidTag

DOCKER_HUB = "docker.io"
_DOCKER_HUB_HOST = "registry-1.docker.io"
_HOST = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
)
_REPOSITORY = re.compile(
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LAYOUT_NAME = re.compile(r"[A-Za-z0-9]+(?:[-._:@/+][A-Za-z0-9]+)*")  # image-spec, annotations.md
_DIRECTORY = re.compile(r"oci:(?!//)|file://|\.{0,2}/|~|\.{1,2}$|\.{1,2}:")
_BUCKET = re.compile(r"(s3|gs|gcs|az|abfs|abfss|memory)://")
_LIMIT = 255  # characters of a repository
_HIGHEST_PORT = 65535
_HINT = "Write `registry.example.com/team/name:tag`, or a directory such as `./models`."


@dataclass(frozen=True, slots=True)
class RegistryReference:
    """A repository of a registry, with the tag or the manifest's digest where one was given.

    host   as written, with its port
    """

    host: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def address(self) -> str:
        """Where the registry really listens: Docker Hub has another name for it."""
        return _DOCKER_HUB_HOST if self.host == DOCKER_HUB else self.host

    @property
    def name(self) -> str:
        """The name of the item: the last part of the repository."""
        return self.repository.rpartition("/")[2]

    @property
    def is_loopback(self) -> bool:
        """Whether the registry runs on this machine."""
        return is_loopback(_split_port(self.host))

    def at(self, tag: str) -> Self:
        """The same repository, another tag."""
        return replace(self, tag=tag, digest=None)

    def __str__(self) -> str:
        return f"{self.host}/{self.repository}" + _suffix(self.tag, self.digest)


@dataclass(frozen=True, slots=True)
class DirectoryReference:
    """An OCI image layout in a directory, and a manifest in it.

    tag   the annotation `org.opencontainers.image.ref.name`
    """

    path: Path
    tag: str | None = None
    digest: str | None = None

    def at(self, tag: str) -> Self:
        """The same directory, another name in it."""
        return replace(self, tag=tag, digest=None)

    def __str__(self) -> str:
        text = str(self.path) + _suffix(self.tag, self.digest)
        return text if _DIRECTORY.match(text) else f"./{text}"  # to be read as a directory again


@dataclass(frozen=True, slots=True)
class BucketReference:
    """An OCI image layout in an object store, and a manifest in it.

    url   `s3://bucket/prefix`, or with another scheme of fsspec
    """

    url: str
    tag: str | None = None
    digest: str | None = None

    def at(self, tag: str) -> Self:
        """The same bucket, another name in it."""
        return replace(self, tag=tag, digest=None)

    def __str__(self) -> str:
        return self.url + _suffix(self.tag, self.digest)


Reference = RegistryReference | DirectoryReference | BucketReference


def parse(text: str) -> Reference:
    """Read `host[:port]/repository[:tag|@sha256:…]`, `DIR[:name|@sha256:…]` or `s3://…[:name]`.

    A directory begins with `/`, `./`, `../`, `~` or `oci:`.

    Raises:
        InvalidTag: with the rule that the text breaks.
    """
    if not text.isprintable() or not text.strip():
        raise InvalidTag(f"{text[:_LIMIT]!r} is not a reference.", hint=_HINT)
    if _DIRECTORY.match(text):
        return _parse_directory(text)
    if _BUCKET.match(text):
        return _parse_bucket(text)
    return _parse_registry(text)


def is_loopback(name: str) -> bool:
    """Whether a host's name, without its port, can only mean this machine."""
    bare = name.strip("[]").lower()
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return bare == "localhost" or bare.endswith(".localhost")


def is_inside(name: str) -> bool:
    """Whether a host is this machine, or in a private network, in any spelling.

    Also for spellings that only the resolver of the system accepts (`127.1`, `0x7f000001`, `0`).
    """
    bare = name.strip("[]").lower().rstrip(".")
    if is_loopback(bare):
        return True
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(bare))
        except (OSError, ValueError):
            return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified or address.is_link_local


def _parse_registry(text: str) -> RegistryReference:
    rest = text.removeprefix("docker://").removeprefix("oci://")
    if "://" in rest:
        raise InvalidTag(
            f"`{_shown(text)}` is an address, not a reference.", hint="Leave the `https://` out."
        )
    rest, digest = _split_digest(rest)
    host, slash, repository = rest.partition("/")
    repository, colon, tag = repository.partition(":")
    if not slash or not _is_host(host):
        raise InvalidTag(f"`{_shown(text)}` does not begin with a registry's host.", hint=_HINT)
    if not _REPOSITORY.fullmatch(repository) or len(repository) > _LIMIT:
        raise InvalidTag(
            f"`{_shown(repository)}` is not a repository.",
            hint="Use lower-case letters and digits, with `.`, `_`, `-` or `/` between them.",
        )
    if colon and not _TAG.fullmatch(tag):
        raise InvalidTag(
            f"`{_shown(tag)}` is not a tag of a registry.",
            hint="Use letters, digits, `.`, `_` and `-`, at most 128 characters.",
        )
    return RegistryReference(host.lower(), repository, tag or None, digest)


def _parse_directory(text: str) -> DirectoryReference:
    rest, digest = _split_digest(text.removeprefix("oci:").removeprefix("file://"))
    folder, colon, name = rest.partition(":")
    if colon and not _LAYOUT_NAME.fullmatch(name):
        raise InvalidTag(
            f"`{_shown(name)}` cannot be a name in the directory `{folder}`.",
            hint="Write `DIR:name:version`.",
        )
    try:
        path = Path(folder).expanduser()
    except RuntimeError:  # no such user
        folder = ""
    if not folder:
        raise InvalidTag(f"`{_shown(text)}` names no directory.", hint=_HINT)
    return DirectoryReference(path, name or None, digest)


def _parse_bucket(text: str) -> BucketReference:
    rest, digest = _split_digest(text)
    scheme, _, path = rest.partition("://")
    folder, colon, name = path.partition(":")
    if not folder.strip("/") or "@" in path or "?" in path:
        raise InvalidTag(f"`{_shown(text)}` names no bucket.", hint="Write `s3://BUCKET/PREFIX`.")
    if colon and not _LAYOUT_NAME.fullmatch(name):
        raise InvalidTag(
            f"`{_shown(name)}` cannot be a name there.", hint="Write `…:name:version`."
        )
    return BucketReference(f"{scheme}://{folder.rstrip('/')}", name or None, digest)


def _split_digest(text: str) -> tuple[str, str | None]:
    rest, at, digest = text.rpartition("@")
    if not at or not digest.startswith("sha256:"):
        return text, None
    if not _DIGEST.fullmatch(digest):
        raise InvalidTag(
            f"`{digest[:80]}` is not a digest.", hint="Write `@sha256:` and 64 digits of hex."
        )
    return rest, digest


def _is_host(text: str) -> bool:
    """Docker's rule: a host has a dot, a colon, or is `localhost`."""
    found = _HOST.fullmatch(text)
    if not found or int(found["port"] or 1) > _HIGHEST_PORT or found["port"] == "0":
        return False
    return "." in text or ":" in text or is_loopback(text)


def _split_port(host: str) -> str:
    found = _HOST.fullmatch(host)
    return found["name"] if found else host


def _suffix(tag: str | None, digest: str | None) -> str:
    return (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def _shown(text: str) -> str:
    """For messages: the part before an `@` may be a password."""
    safe = "…@" + text.rpartition("@")[2] if "@" in text else text
    return safe[:_LIMIT]
