"""ImageSettings: how a bundle runs in a container, whoever makes its image."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ....runtime.manifests.bundle_manifest import BundleManifest
from ....runtime.manifests.settings import ServeSettings
from ...errors import BuildError
from ...layers.bundle_files import WORKDIR
from ...requirements import standalone

USER = "65532"  # "nonroot" of the distroless images; it needs no name in /etc/passwd
PACKAGES = "/opt/packages"
DIGEST_LABEL = "io.modelbundle.digest"
VERSION_LABEL = "org.opencontainers.image.version"
TRUST = "BUNDLE_TRUST"

_USER = re.compile(r"[1-9][0-9]*(?::[0-9]+)?")
_DIRECTORY = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]+)+")
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_PYTHON = re.compile(r"3\.[0-9]+(?:\.[0-9]+)?")
_WITHOUT_PYTHON = re.compile(r"(?:.+/)?nvidia/cuda[:@].+")


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """What an image says of the process in it.

    base         reference of the image below, with its digest where the lock has it
    home         where the bundle lies
    user         "uid:gid"
    environment  what every bundle sets, then what its author does
    labels       those that do not depend on the build
    """

    base: str
    home: str
    user: str
    ports: tuple[int, ...]
    environment: Mapping[str, str]
    own_environment: Mapping[str, str]
    labels: Mapping[str, str]
    python: str

    @classmethod
    def of(cls, manifest: BundleManifest) -> Self:
        """The settings of a bundle; raises BuildError for a value that no image can have."""
        image = manifest.image
        home = checked(_DIRECTORY, image.get("workdir") or WORKDIR, "directory")
        user = str(image.get("user") or USER)
        user = checked(_USER, user, "user; it must be a number and not root")
        ports = image.get("ports") or _ports(manifest)
        base = manifest.accelerator.get("base") or image.get("base") or ""
        return cls(
            base=checked(_REFERENCE, base, "base image"),
            home=home,
            user=user if ":" in user else f"{user}:{user}",
            ports=tuple(int(port) for port in ports),
            environment=_environment(home) | _nvidia(manifest.accelerator),
            own_environment=dict(image.get("env") or {}),
            labels=_labels(manifest),
            python=checked(_PYTHON, manifest.python, "Python version"),
        )

    @property
    def entrypoint(self) -> list[str]:
        """The server, as process 1: a signal reaches it without a shell between."""
        return ["python3", "-m", "modelbundle.runtime", self.home]

    @property
    def health(self) -> list[str]:
        """What asks the server of its own container; it needs no program but Python."""
        return ["python3", "-m", "modelbundle.runtime.health"]

    @property
    def brings_python(self) -> bool:
        """Whether the base image has an interpreter; those of NVIDIA have none."""
        return brings_python(self.base)

    def standalone(self, platform: str) -> standalone.Archive | None:
        """The Python that is put on a base image without one; None where it needs none."""
        return None if self.brings_python else standalone.find(self.python, platform)

    @property
    def site(self) -> str:
        """Where packages lie: the user site of `PYTHONUSERBASE`, whichever Python the base has."""
        minor = ".".join(self.python.split(".")[:2])
        return f"{PACKAGES}/lib/python{minor}/site-packages"


def brings_python(base: str) -> bool:
    """Whether the base image of this reference has an interpreter; those of NVIDIA have none."""
    return not _WITHOUT_PYTHON.fullmatch(base)


def _environment(home: str) -> dict[str, str]:
    return {
        "BUNDLE_CONTAINER": "1",
        "PYTHONPATH": home,
        "PYTHONUSERBASE": PACKAGES,
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Libraries ask for a home and a user name; a bare number has neither.
        "HOME": "/tmp",  # noqa: S108 - the container's own
        "USER": "bundle",
    }


def _nvidia(accelerator: Mapping[str, Any]) -> dict[str, str]:
    if accelerator.get("kind") != "cuda":
        return {}
    found = {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}
    driver = accelerator.get("min_driver")
    # The driver, not CUDA: within a major version an older driver runs newer CUDA.
    return found | ({"NVIDIA_REQUIRE_DRIVER": f"driver>={driver}"} if driver else {})


def _labels(manifest: BundleManifest) -> dict[str, str]:
    known = {
        "org.opencontainers.image.title": manifest.name,
        "org.opencontainers.image.description": " ".join(manifest.description.split()),
        "io.modelbundle.models": " ".join(model.digest for model in manifest.models),
    }
    given = dict(manifest.labels) | dict(manifest.image.get("labels") or {})
    return {name: text for name, text in known.items() if text} | given


def checked(rule: re.Pattern[str], text: str, name: str) -> str:
    """`text`, if it keeps the rule; raises BuildError when it does not."""
    if not rule.fullmatch(text):
        raise BuildError(f"{text!r} is not a {name} that a Containerfile can name.")
    return text


def _ports(manifest: BundleManifest) -> list[int]:
    """That of HTTP, and that of gRPC where it is spoken."""
    settings = ServeSettings.from_json(manifest.serve)
    return [settings.port, *([settings.grpc.port] if "grpc" in settings.dialects else [])]
