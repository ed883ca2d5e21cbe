"""Containerfile: how a bundle becomes an image, as a pure function of its manifest and lock.

It asks nothing of BuildKit, so that every engine builds it: no mounts, no heredocs, no `# syntax`.
Layers come in the order in which they change: distribution, dependencies, weights, runtime, code,
manifest; what differs from one build to the next without any of these comes last.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..runtime.manifest import BundleManifest
from .errors import BuildError
from .instruction import check_lines, listed, pairs

if TYPE_CHECKING:
    from .lock import Lock

WORKDIR = "/opt/bundle"
USER = "65532"  # "nonroot" of the distroless images; no name needed in /etc/passwd
VENV = "/opt/venv"
PYTHON = "/opt/python"  # where the base image has none
ENV = "/tmp/env"  # noqa: S108 - in a stage that is thrown away
UV = "0.9.7"  # brings Python to images without one; it knows the digests of what it downloads
MANY = 24  # models; beyond it they share a layer, for an image has at most 127
DIGEST, VERSION, TRUST = "BUNDLE_DIGEST", "BUNDLE_VERSION", "BUNDLE_TRUST"
ARGUMENTS = (DIGEST, VERSION, TRUST)
"""Build arguments that `bundle containerize` fills in; nobody else may."""

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(?:=[A-Za-z0-9.+:~-]+)?")
_USER = re.compile(r"[0-9]+(?::[0-9]+)?")
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_DIRECTORY = re.compile(r"(?:/[A-Za-z0-9._-]+)+")
_NO_PYTHON = re.compile(r"(?:.+/)?nvidia/cuda[:@].+")
_CODE = ("server.py", "src")
_APT = (
    "# hadolint ignore=DL3008",  # the bundlefile pins versions where its author wants them
    "RUN apt-get update \\",
    " && apt-get install --yes --no-install-recommends {packages} \\",
    " && rm -rf /var/lib/apt/lists/*",
)


def render(manifest: BundleManifest, lock: "Lock | None" = None, *, base: str | None = None) -> str:
    """The Containerfile of the bundle that `manifest` describes.

    `manifest.files` must name every file but those that are rendered from it. `lock` says which
    packages are compiled. `base` overrides the base image of the lock.

    Raises:
        BuildError: when a value cannot stand in a Containerfile.
    """
    image = dict(manifest.image)
    base = base or image.get("base") or manifest.accelerator["base"]
    base = manifest.accelerator.get("base") or base
    return check_lines("")


def _dependencies(base: str, python: str) -> Iterator[str]:
    """Install the lock, hash by hash, into one directory that is copied as a whole."""
    stage = base if _has_python(base) else f"python:{python}-slim"
    yield f"FROM {stage} AS dependencies"
    yield "COPY env/requirements.lock /tmp/requirements.lock"
    yield (
        "RUN python -m pip install --no-cache-dir --no-compile --disable-pip-version-check "
        "--root-user-action=ignore --no-deps --require-hashes "
        f"--target {PACKAGES} -r /tmp/requirements.lock"
    )
    if not _has_python(base):
        # NVIDIA's images have no Python, or another one: a relocatable build goes along.
        yield (
            f"RUN python -m pip install --no-cache-dir --target /tmp/uv uv && "
            f"/tmp/uv/bin/uv python install --install-dir {PYTHONS} --no-bin {python} && "
            f"ln -s {PYTHONS}/cpython-*/bin {PYTHONS}/bin"
        )


def _system(base: str, manifest: BundleManifest) -> Iterator[str]:
    yield f"FROM {base}"
    system = manifest.image.get("system", {})
    packages = sorted({*system.get("packages", ()), *_needed(manifest)})
    if packages:
        yield (
            "RUN apt-get update && apt-get install -y --no-install-recommends "
            + " ".join(packages)
            + " && rm -rf /var/lib/apt/lists/*"
        )
    for run in system.get("run", ()):
        yield f"RUN {run['command']}"
    if not _has_python(base):
        yield f"COPY --from=dependencies {PYTHONS} {PYTHONS}"


def _settings(manifest: BundleManifest) -> Iterator[str]:
    workdir = _workdir(manifest)
    settings = {
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": f"{workdir}:{PACKAGES}",
        "BUNDLE_CONTAINER": "1",
    }
    if not _has_python(str(manifest.accelerator.get("base") or "python")):
        settings["PATH"] = f"{PYTHONS}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/bin"
    if manifest.accelerator.get("kind") == "cuda":
        settings |= {
            "NVIDIA_VISIBLE_DEVICES": "all",
            "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
        }
    yield from _pairs("ENV", settings | dict(manifest.image.get("env", {})))
    yield f"WORKDIR {workdir}"


def _copies(manifest: BundleManifest) -> Iterator[str]:
    """What rarely changes first, so that an edit of the code touches the last layers only."""
    yield f"COPY --from=dependencies {PACKAGES} {PACKAGES}"
    for model in manifest.models:
        yield f"COPY models/{model.alias}/ models/{model.alias}/"
    yield "COPY modelbundle/ modelbundle/"
    yield "COPY server.py server.py"
    if any(entry.path.startswith("src/") for entry in manifest.files):
        yield "COPY src/ src/"
    yield "COPY bundle.json openapi.json sbom.cdx.json ./"


def _process(manifest: BundleManifest) -> Iterator[str]:
    ports = manifest.image.get("ports") or [manifest.serve.get("port", PORT)]
    yield f"EXPOSE {' '.join(str(port) for port in ports)}"
    yield f"USER {_user(manifest)}"
    yield (
        "HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 "
        'CMD ["python", "-m", "modelbundle.runtime.health"]'
    )
    yield 'ENTRYPOINT ["python", "-m", "modelbundle.runtime", "."]'
    labels = {
        "org.opencontainers.image.title": manifest.name,
        "org.opencontainers.image.description": manifest.description,
        "org.opencontainers.image.version": manifest.version or "",
    }
    known = {name: value for name, value in labels.items() if value}
    yield from _pairs(
        "LABEL", known | dict(manifest.labels) | dict(manifest.image.get("labels", {}))
    )


def _identity() -> Iterator[str]:
    """Given by `bundle containerize`; last, because they differ with every bundle."""
    yield 'ARG BUNDLE_DIGEST=""'
    yield 'ARG BUNDLE_TRUST=""'
    yield "LABEL io.modelbundle.digest=$BUNDLE_DIGEST"
    yield "ENV BUNDLE_TRUST=$BUNDLE_TRUST"


def _pairs(instruction: str, values: Mapping[str, str]) -> Iterator[str]:
    for name, value in values.items():
        yield f"{instruction} {name}={quote(value)}"


def _needed(manifest: BundleManifest) -> set[str]:
    """Libraries that wheels take from the system: LightGBM's wants OpenMP."""
    return {"libgomp1"} if any(m.framework == "lightgbm" for m in manifest.models) else set()


def _has_python(base: str) -> bool:
    return not base.startswith(_NVIDIA)


def _workdir(manifest: BundleManifest) -> str:
    return str(manifest.image.get("workdir", "/opt/bundle"))


def _user(manifest: BundleManifest) -> str:
    user = str(manifest.image.get("user", "65532"))
    return user if ":" in user else f"{user}:{user}"
