"""The configuration of an image (OCI image-spec, config.md), as a pure function of its parts.

What an engine writes from a Containerfile is written here without one: the same variables, labels,
user, health check and entry point. There is no clock in it: every time is the one of the layers.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ....runtime import canonical
from ...errors import BuildError
from ...layers.layer_plan import Layer
from ...layers.member import MOMENT
from ...layers.packages.python_tree import PYTHON_HOME
from .image_settings import DIGEST_LABEL, TRUST, VERSION_LABEL, ImageSettings
from .instruction import quote

_SECOND = 1_000_000_000  # nanoseconds
_INHERITED = ("StopSignal", "Volumes")
_APK, _ADD = re.compile(r"\bapk\s"), re.compile(r"\sadd\b")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def encode(
    base: Mapping[str, Any], settings: ImageSettings, layers: Sequence[Layer], identity: "Identity"
) -> bytes:
    """The bytes of the configuration; their digest is the image's id.

    Raises:
        BuildError: for a value that a Containerfile could not say either.
    """
    document = {
        "created": MOMENT,
        "architecture": base["architecture"],
        "os": base["os"],
        "config": _process(base.get("config") or {}, settings, identity),
        "rootfs": {
            "type": "layers",
            "diff_ids": [*base["rootfs"]["diff_ids"], *(layer.blob.digest for layer in layers)],
        },
        "history": _history(base, layers),
    }
    document |= {name: base[name] for name in ("variant", "os.version") if name in base}
    return canonical.dumps(document)


class Identity:
    """Which bundle it is, and who may be trusted: what no bundle can say of itself."""

    def __init__(self, digest: str, version: str) -> None:
        self.digest = digest
        self.version = version

    @property
    def trust(self) -> str:
        """The trusted digest of the bundle, as the server reads it from its environment."""
        return self.digest.removeprefix("sha256:")


def _process(
    base: Mapping[str, Any], settings: ImageSettings, identity: Identity
) -> dict[str, Any]:
    labels = dict(base.get("Labels") or {}) | _sayable(settings.labels)
    labels |= {VERSION_LABEL: identity.version, DIGEST_LABEL: identity.digest}
    made: dict[str, Any] = {name: base[name] for name in _INHERITED if base.get(name)}
    return made | {
        "User": settings.user,
        "Env": _environment(base.get("Env") or [], settings, identity),
        "ExposedPorts": {
            **(base.get("ExposedPorts") or {}),
            **{f"{port}/tcp": {} for port in settings.ports},
        },
        "WorkingDir": settings.home,
        "Entrypoint": settings.entrypoint,
        "Labels": labels,
        "Healthcheck": {
            "Test": ["CMD", *settings.health],
            "Interval": 10 * _SECOND,
            "Timeout": 5 * _SECOND,
            "StartPeriod": 120 * _SECOND,
            "Retries": 3,
        },
    }


def _environment(base: Sequence[str], settings: ImageSettings, identity: Identity) -> list[str]:
    found: dict[str, str] = dict(entry.split("=", 1) for entry in base if "=" in entry)
    if not settings.brings_python:
        found["PATH"] = f"/{PYTHON_HOME}/bin:{found.get('PATH', _PATH)}"
    own = {**settings.environment, **settings.own_environment, TRUST: identity.trust}
    return [f"{name}={value}" for name, value in (found | _sayable(own)).items()]


def _sayable(values: Mapping[str, str]) -> dict[str, str]:
    """The values, if an engine could write them, too."""
    for name, value in values.items():
        quote(value, f"`{name}`")
    return dict(values)


def _history(base: Mapping[str, Any], layers: Sequence[Layer]) -> list[dict[str, Any]]:
    """One entry for each layer.

    How the base was made is not repeated: an engine that has it does not tell all of that, and
    the same image would have another id where it comes from a registry.
    """
    names = ["base image"] * len(base["rootfs"]["diff_ids"])
    names += [f"modelbundle: {layer.planned.name}" for layer in layers]
    return [{"created": MOMENT, "created_by": name} for name in names]


def check_base(base: Mapping[str, Any], settings: ImageSettings, platform: str) -> None:
    """Whether packages for `platform` and the bundle's Python can run on a base image.

    Raises:
        BuildError: saying what does not fit.
    """
    try:
        has = f"{base['os']}/{base['architecture']}"
        list(base["rootfs"]["diff_ids"])
    except (KeyError, TypeError) as error:
        raise BuildError(f"The base image's configuration lacks {error}.") from error
    if has != platform:
        raise BuildError(
            f"The base image is for {has}, the bundle for {platform}.",
            hint="Name another with `--base`, or another platform with `--platform`.",
        )
    check_python(base, settings)


def check_libc(base: Mapping[str, Any], reference: str) -> None:
    """Whether the wheels of a lock run on a base image, as far as its name and its history say.

    Raises:
        BuildError: for Alpine Linux.
    """
    steps = [str(step.get("created_by", "")) for step in base.get("history") or ()]
    if "alpine" in reference.rpartition("/")[2] or any(map(_is_of_alpine, steps)):
        raise BuildError(
            f"The base image `{reference}` is an Alpine Linux, whose C library is musl; the locked "
            "wheels are built for glibc.",
            hint="Name one of Debian, e.g. `python:3.11-slim`.",
        )


def _is_of_alpine(step: str) -> bool:
    """Whether a step of a base image's history is one of Alpine's; a hostile step may be long."""
    apk = _APK.search(step)
    return "alpine-minirootfs" in step or bool(apk and _ADD.search(step, apk.end() - 1))


def python_of(base: Mapping[str, Any], settings: ImageSettings) -> str | None:
    """The Python version that a base image states, "" if it states none; None if it needs none."""
    return _variables(base).get("PYTHON_VERSION", "") if settings.brings_python else None


def _variables(base: Mapping[str, Any]) -> dict[str, str]:
    given = (base.get("config") or {}).get("Env") or []
    return dict(entry.split("=", 1) for entry in given if "=" in entry)


def check_python(base: Mapping[str, Any], settings: ImageSettings) -> None:
    """Whether the Python of a base image is one for a bundle, as far as its variables say.

    Raises:
        BuildError: saying what does not fit.
    """
    variables = _variables(base)
    if {"VIRTUAL_ENV", "PYTHONNOUSERSITE"} & variables.keys():
        raise BuildError(
            "The Python of the base image is that of a virtual environment, which takes no user "
            "site; the bundle's packages lie in one.",
            hint="Name another base with `--base`, or under `image.base` in the bundlefile.",
        )
    python = python_of(base, settings)
    if python and not f"{python}.".startswith(f"{settings.python}."):
        raise BuildError(
            f"The bundle is locked for Python {settings.python}; the base image has {python}.",
            hint="Name another base with `--base`, or under `image.base` in the bundlefile.",
        )
