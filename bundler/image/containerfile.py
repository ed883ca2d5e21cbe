"""Containerfile: how a bundle becomes an image, as a pure function of its manifest and lock.

It asks nothing of BuildKit, so that every engine builds it: no mounts, no heredocs, no `# syntax`.
Layers come in the order in which they change: distribution, dependencies, weights, runtime, code,
manifest. What differs in every build is said last, and makes no layer.
"""

import re
from typing import TYPE_CHECKING, Any

from ...runtime.manifest import BundleManifest
from ..errors import BuildError
from .instruction import check_lines, listed, pairs, quote

if TYPE_CHECKING:
    from ..requirements.lock import Lock

NAME = "Containerfile"
WORKDIR = "/opt/bundle"
USER = "65532"  # "nonroot" of the distroless images; it needs no name in /etc/passwd
DIGEST, VERSION, TRUST = "BUNDLE_DIGEST", "BUNDLE_VERSION", "BUNDLE_TRUST"
ARGUMENTS = (DIGEST, VERSION, TRUST)
"""Build arguments that `bundle containerize` fills in; nobody else may."""
WHEELS = "env/wheels"
"""A folder of wheels in the build context, taken before any index."""

_UV = "0.13.8"  # brings Python to images without one, and knows the digests of what it fetches
_MANY = 24  # models; beyond it they share a layer, for an image has at most 127
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(?:=[A-Za-z0-9.+:~-]+)?")
_USER = re.compile(r"[1-9][0-9]*(?::[0-9]+)?")
_DIRECTORY = re.compile(r"(?:/[A-Za-z0-9._-]+)+")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_PYTHON = re.compile(r"3\.[0-9]+(?:\.[0-9]+)?")
_WITHOUT_PYTHON = re.compile(r"(?:.+/)?nvidia/cuda[:@].+")
_RENDERED = ("openapi.json", "sbom.cdx.json", NAME)  # after or with the Containerfile
_PLACED = ("env", "models", "samples", "modelbundle", "server.py", "src")


def render(manifest: BundleManifest, lock: "Lock | None" = None) -> str:
    """The Containerfile of the bundle that `manifest` describes.

    `manifest.files` must name every file but those that are rendered from it; `lock` says which
    packages are compiled where they are installed.

    Raises:
        BuildError: when a value cannot stand in a Containerfile.
    """
    compiled = lock.compiled if lock else ()
    brings_python = not _WITHOUT_PYTHON.fullmatch(_base(manifest))
    blocks = [
        _HEADER,
        "" if brings_python else _python(manifest),
        _system(manifest, brings_python=brings_python),
        _dependencies(manifest, compiled),
        _large(manifest),
        _settings(manifest),
        _small(manifest),
        _labels(manifest),
    ]
    return check_lines("\n\n".join(block for block in blocks if block) + "\n")


_HEADER = """\
# How this bundle becomes an image. `bundle containerize` builds it and says whom to trust; by hand:
#   docker build -f Containerfile -t NAME .
# Layers stand in the order in which they change, so that a change of code moves kilobytes."""


def _python(manifest: BundleManifest) -> str:
    """A stage with Python of python-build-standalone, which runs on any glibc."""
    version = _checked(_PYTHON, manifest.python, "Python version")
    minor = ".".join(version.split(".")[:2])
    return f"""\
# NVIDIA's images hold no Python, and their distribution's is another version.
FROM python:{minor}-slim AS python
ENV UV_PYTHON_INSTALL_DIR=/opt/python UV_PYTHON_PREFERENCE=only-managed
RUN python3 -m pip install --no-cache-dir uv=={_UV} \\
 && uv python install {version} \\
 && ln -s "$(dirname "$(dirname "$(uv python find {version})")")" /opt/python/current"""


def _system(manifest: BundleManifest, *, brings_python: bool) -> str:
    system = manifest.image.get("system") or {}
    lines = [f"FROM {_base(manifest)} AS system"]
    packages = [_checked(_PACKAGE, name, "package") for name in system.get("packages", ())]
    lines += [_apt(packages)] if packages else []
    lines += [
        listed("RUN", ["/bin/sh", "-c", _sayable(run["command"])]) for run in system.get("run", ())
    ]
    if not brings_python:
        lines += [
            "COPY --from=python /opt/python /opt/python",
            "ENV PATH=/opt/python/current/bin:$PATH",
        ]
    return "\n".join(lines)


def _apt(packages: list[str]) -> str:
    return f"""\
# Versions are pinned where the bundlefile pins them.
# hadolint ignore=DL3008
RUN apt-get update \\
 && apt-get install --yes --no-install-recommends {" ".join(packages)} \\
 && rm -rf /var/lib/apt/lists/*"""


def _dependencies(manifest: BundleManifest, compiled: tuple[str, ...]) -> str:
    """A stage that installs the lock; of it the image gets `/opt/venv` alone."""
    version = _checked(_PYTHON, manifest.python, "Python version")
    names = ",".join(_checked(_PART, name, "package") for name in compiled)
    binary = "--only-binary :all:" + (f" --no-binary {names}" if names else "")
    compilers = "\n" + _apt(["build-essential", "python3-dev"]) if names else ""
    return f"""\
FROM system AS dependencies{compilers}
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_NO_INDEX
COPY env /tmp/env
RUN python3 -c 'import sys; v = sys.version.split()[0]; (v + ".").startswith("{version}.") or \
sys.exit("The bundle is locked for Python {version}; the base image has " + v + ".")' \\
 && mkdir -p /tmp/{WHEELS} \\
 && python3 -m venv --without-pip /opt/venv \\
 && python3 -m pip --python /opt/venv/bin/python install --no-cache-dir --no-deps --no-compile \\
      --require-hashes {binary} --find-links /tmp/{WHEELS} \\
      --requirement /tmp/env/requirements.lock
# Compiled here, because a read-only image cannot do it later. By hash, so that times do not matter.
RUN /opt/venv/bin/python -m compileall -qq -j 0 --invalidation-mode unchecked-hash /opt/venv/lib \\
 || echo "What does not compile here is compiled when it is imported.\""""


def _large(manifest: BundleManifest) -> str:
    """What seldom changes, and is copied before the settings."""
    home = _home(manifest)
    return "\n".join(
        [
            "FROM system",
            f"WORKDIR {home}",
            "COPY --from=dependencies /opt/venv /opt/venv",
            f"COPY env/requirements.lock {home}/env/",
            *_copies(manifest, [*_models(manifest), "samples", "modelbundle"]),
        ]
    )


def _small(manifest: BundleManifest) -> str:
    """The code, and what changes with anything else in the bundle."""
    tops = {entry.path.partition("/")[0]: "/" in entry.path for entry in manifest.files}
    further = sorted(_checked(_PART, top, "file name") for top in tops.keys() - set(_PLACED))
    rest = {"bundle.json", *_RENDERED, *(top for top in further if not tops[top])}
    folders = [top for top in further if tops[top]]
    last = f"COPY {' '.join(sorted(rest))} {_home(manifest)}/"
    return "\n".join([*_copies(manifest, ["server.py", "src", *folders]), last])


def _copies(manifest: BundleManifest, paths: list[str]) -> list[str]:
    """A layer for each of the paths that are in the bundle."""
    tops = {entry.path.partition("/")[0] for entry in manifest.files} | {"server.py"}
    there = [path for path in paths if path.partition("/")[0] in tops]
    return [f"COPY {path} {_home(manifest)}/{path}" for path in there]


def _home(manifest: BundleManifest) -> str:
    return _checked(_DIRECTORY, manifest.image.get("workdir") or WORKDIR, "directory")


def _models(manifest: BundleManifest) -> list[str]:
    names = [_checked(_PART, model.alias, "model name") for model in manifest.models]
    return ["models"] if len(names) > _MANY else [f"models/{name}" for name in names]


def _settings(manifest: BundleManifest) -> str:
    image = manifest.image
    home = _home(manifest)
    user = _checked(_USER, str(image.get("user") or USER), "user; it must be a number and not root")
    ports = image.get("ports") or [manifest.serve.get("port", 8080)]
    return "\n".join(
        [
            "ENV PATH=/opt/venv/bin:$PATH",
            pairs("ENV", _environment(manifest, home)),
            *([pairs("ENV", image["env"])] if image.get("env") else []),
            f"EXPOSE {' '.join(str(int(port)) for port in ports)}",
            f"USER {user if ':' in user else f'{user}:{user}'}",
            listed(
                "HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 CMD",
                ["python", "-m", "modelbundle.runtime.health"],
            ),
            listed("ENTRYPOINT", ["python", "-m", "modelbundle.runtime", home]),
        ]
    )


def _environment(manifest: BundleManifest, home: str) -> dict[str, str]:
    own = {
        "BUNDLE_CONTAINER": "1",
        "PYTHONPATH": home,
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Libraries ask for a home and a user name; a bare number has neither.
        "HOME": "/tmp",  # noqa: S108 - the container's own
        "USER": "bundle",
    }
    return own | _nvidia(manifest.accelerator)


def _nvidia(accelerator: Any) -> dict[str, str]:
    if accelerator.get("kind") != "cuda":
        return {}
    found = {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}
    driver = accelerator.get("min_driver")
    # The driver, not CUDA: within a major version an older driver runs newer CUDA.
    return found | ({"NVIDIA_REQUIRE_DRIVER": f"driver>={driver}"} if driver else {})


def _labels(manifest: BundleManifest) -> str:
    """Labels; then what only `bundle containerize` knows. None of it makes a layer."""
    known = {
        "org.opencontainers.image.title": manifest.name,
        "org.opencontainers.image.description": " ".join(manifest.description.split()),
        "io.modelbundle.models": " ".join(model.digest for model in manifest.models),
    }
    given = dict(manifest.labels) | dict(manifest.image.get("labels") or {})
    version = quote(manifest.version) if manifest.version else f"${VERSION}"
    return "\n".join(
        [
            pairs("LABEL", {name: text for name, text in known.items() if text} | given),
            *(f"ARG {name}" for name in ARGUMENTS),
            f"LABEL org.opencontainers.image.version={version} \\",
            f"      io.modelbundle.digest=${DIGEST}",
            f"ENV {TRUST}=${TRUST}",
        ]
    )


def _base(manifest: BundleManifest) -> str:
    base = manifest.accelerator.get("base") or manifest.image.get("base") or ""
    return _checked(_REFERENCE, base, "base image")


def _checked(rule: re.Pattern[str], text: str, what: str) -> str:
    if not rule.fullmatch(text):
        raise BuildError(f"{text!r} is no {what} that a Containerfile could name.")
    return text


def _sayable(command: str) -> str:
    quote(command.replace("\n", " "), "A command under `system.run`")
    return command
