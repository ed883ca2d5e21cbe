"""Containerfile: how a bundle becomes an image, as a pure function of its manifest and lock.

It asks nothing of BuildKit, so that every engine builds it: no mounts, no heredocs, no `# syntax`.
Layers come in the order in which they change: distribution, dependencies, weights, runtime, code,
manifest. What differs in every build is said last, and makes no layer.
"""

import re
from typing import TYPE_CHECKING

from ....runtime.manifests.bundle_manifest import BundleManifest
from ...layers.packages import package_group
from ...layers.packages.bytecode import TESTS
from ...layers.packages.python_tree import PYTHON_HOME
from ...requirements import standalone
from .image_settings import DIGEST_LABEL, PACKAGES, TRUST, VERSION_LABEL, ImageSettings, checked
from .instruction import check_lines, listed, pairs, quote

if TYPE_CHECKING:
    from ...requirements.lock.lock import Lock

NAME = "Containerfile"
DIGEST, VERSION = "BUNDLE_DIGEST", "BUNDLE_VERSION"
ARGUMENTS = (DIGEST, VERSION, TRUST)
"""Build arguments that `bundle containerize` fills in; nobody else may."""
WHEELS = "env/wheels"
"""A folder of wheels in the build context, taken before any index."""

_UV = "0.13.8"  # brings Python to images without one, and knows the digests of what it fetches
_MANY = 24  # models; beyond it they share a layer, for an image has at most 127
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(?:=[A-Za-z0-9.+:~-]+)?")
_LOCK = re.compile(r"env/[A-Za-z0-9_][A-Za-z0-9._+-]*")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_RENDERED = ("openapi.json", "sbom.cdx.json", NAME)  # after or with the Containerfile
_PLACED = ("env", "models", "samples", "modelbundle", "server.py", "src")


def render(manifest: BundleManifest, lock: "Lock | None" = None) -> str:
    """The Containerfile of the bundle that `manifest` describes.

    `manifest.files` must name every file but those that are rendered from it; `lock` says which
    packages are compiled where they are installed.

    Raises:
        BuildError: when a value cannot stand in a Containerfile.
    """
    settings = ImageSettings.of(manifest)
    compiled = lock.compiled if lock else ()
    groups = _groups(manifest)
    blocks = [
        _HEADER,
        "" if settings.brings_python else _python(manifest, settings),
        _system(manifest, settings),
        *(_packages(manifest, settings, group, compiled) for group in groups),
        _runtime(settings),
        _large(manifest, settings, groups),
        _process(settings),
        _small(manifest, settings),
        _labels(manifest, settings),
    ]
    return check_lines("\n\n".join(block for block in blocks if block) + "\n")


_HEADER = """\
# How this bundle becomes an image. `bundle containerize` builds it and says whom to trust; by hand:
#   docker build -f Containerfile -t NAME .
# Layers stand in the order in which they change, so that a change of code moves kilobytes."""


def _python(manifest: BundleManifest, settings: ImageSettings) -> str:
    """A stage with Python of python-build-standalone, which runs on any glibc."""
    platforms = manifest.image.get("platforms") or ("linux/amd64",)
    known = [settings.standalone(platform) for platform in platforms]
    archives = [archive for archive in known if archive]
    if len(archives) < len(known):
        return _python_of_uv(settings)
    lines = [
        "# NVIDIA's images hold no Python, and their distribution's is another version.",
        f"FROM {settings.base} AS python",
        f"ARG PYTHON_MIRROR={standalone.SITE}",
    ]
    for archive in archives:
        place = f"/tmp/python-{archive.machine}.tar.gz"  # noqa: S108 - of a stage
        lines.append(f"ADD ${{PYTHON_MIRROR}}/{archive.path} {place}")
    sums = "".join(f"{one.digest}  /tmp/python-{one.machine}.tar.gz\\n" for one in archives)
    lines.append(
        f"RUN printf '{sums}' > /tmp/python.sums \\\n"
        " && sha256sum --check --strict /tmp/python.sums \\\n"
        f" && mkdir -p /{PYTHON_HOME} \\\n"
        ' && tar -xzf "/tmp/python-$(uname -m).tar.gz" --strip-components=1 --no-same-owner '
        f"-C /{PYTHON_HOME}"
    )
    return "\n".join(lines)


def _python_of_uv(settings: ImageSettings) -> str:
    """The same for an exact version that is not in our table: uv knows its digest."""
    version = settings.python
    minor = ".".join(version.split(".")[:2])
    return f"""\
# NVIDIA's images hold no Python, and their distribution's is another version.
FROM python:{minor}-slim AS python
ENV UV_PYTHON_INSTALL_DIR=/opt/python UV_PYTHON_PREFERENCE=only-managed
RUN python3 -m pip install --no-cache-dir uv=={_UV} \\
 && uv python install {version} \\
 && ln -s "$(dirname "$(dirname "$(uv python find {version})")")" /{PYTHON_HOME}"""


def _system(manifest: BundleManifest, settings: ImageSettings) -> str:
    system = manifest.image.get("system") or {}
    lines = [f"FROM {settings.base} AS system"]
    packages = [checked(_PACKAGE, name, "package") for name in system.get("packages", ())]
    lines += [_apt(packages)] if packages else []
    for run in system.get("run", ()):
        # One command that has changed shall not run the others anew.
        lines += ["# hadolint ignore=DL3059"] if len(lines) > 1 else []
        lines.append(listed("RUN", ["/bin/sh", "-c", _sayable(run["command"])]))
    if not settings.brings_python:
        lines += [
            "COPY --from=python /opt/python /opt/python",
            f"ENV PATH=/{PYTHON_HOME}/bin:$PATH",
        ]
    return "\n".join(lines)


def _apt(packages: list[str]) -> str:
    return f"""\
# Versions are pinned where the bundlefile pins them.
# hadolint ignore=DL3008
RUN apt-get update \\
 && apt-get install --yes --no-install-recommends {" ".join(packages)} \\
 && rm -rf /var/lib/apt/lists/*"""


def _groups(manifest: BundleManifest) -> dict[str, str]:
    """The stages of packages, from the bottom up, each with its part of the lock."""
    there = {entry.path for entry in manifest.files}
    files = {group: f"env/{group}.lock" for group in package_group.GROUPS}
    found = {group: path for group, path in files.items() if path in there}
    return found or {package_group.PACKAGES: "env/requirements.lock"}


def _packages(
    manifest: BundleManifest, settings: ImageSettings, group: str, compiled: tuple[str, ...]
) -> str:
    """A stage that installs a part of the lock; of it the image gets `/opt/packages` alone."""
    version, site = settings.python, settings.site
    names = [checked(_PART, name, "package") for name in compiled]
    binary = "--only-binary :all:" + (f" --no-binary {','.join(names)}" if names else "")
    is_compiled = any(package_group.group_of(name) == group for name in names)
    compilers = "\n" + _apt(["build-essential", "python3-dev"]) if is_compiled else ""
    lock = _groups(manifest)[group]
    has_wheels = any(entry.path.startswith(f"{WHEELS}/") for entry in manifest.files)
    sources = [lock, *([WHEELS] if has_wheels else [])]
    return f"""\
FROM system AS {group}{compilers}
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_NO_INDEX
{"".join(f"COPY {source} /tmp/{source}" + chr(10) for source in sources)}\
RUN python3 -c 'import site, sys; v = sys.version.split()[0]; (v + ".").startswith("{version}.") \
or sys.exit("The bundle is locked for Python {version}; the base image has " + v + "."); \
site.ENABLE_USER_SITE or sys.exit("The Python of the base image takes no user site: it is that of \
a virtual environment. Name another base image.")' \\
 && mkdir -p /tmp/{WHEELS} {site} \\
 && python3 -m pip install --target {site} --no-cache-dir --no-deps --no-compile \\
      --require-hashes {binary} --find-links /tmp/{WHEELS} \\
      --requirement /tmp/{lock}
# Compiled here, because a read-only image cannot do it later. By hash, so that times do not matter.
RUN python3 -m compileall -qq -j 0 -x /{TESTS}/ --invalidation-mode unchecked-hash {site} \\
 || echo "What does not compile here is compiled when it is imported.\""""


def _runtime(settings: ImageSettings) -> str:
    """A stage that compiles the vendored runtime."""
    home = f"{settings.home}/modelbundle"
    return f"""\
FROM system AS runtime
COPY modelbundle {home}
RUN python3 -m compileall -qq -j 0 --invalidation-mode unchecked-hash {home}"""


def _large(manifest: BundleManifest, settings: ImageSettings, groups: dict[str, str]) -> str:
    """What seldom changes, and is copied before the settings."""
    home = settings.home
    locks = sorted(entry.path for entry in manifest.files if _is_lock(entry.path))
    return "\n".join(
        [
            "FROM system",
            f"WORKDIR {home}",
            *(f"COPY --from={group} {PACKAGES} {PACKAGES}" for group in groups),
            f"COPY {' '.join(checked(_LOCK, path, 'file name') for path in locks)} {home}/env/",
            *_copies(manifest, home, [*_models(manifest), "samples"]),
            f"COPY --from=runtime {home}/modelbundle {home}/modelbundle",
        ]
    )


def _small(manifest: BundleManifest, settings: ImageSettings) -> str:
    """The code, and what changes with anything else in the bundle."""
    home = settings.home
    tops = {entry.path.partition("/")[0]: "/" in entry.path for entry in manifest.files}
    further = sorted(checked(_PART, top, "file name") for top in tops.keys() - set(_PLACED))
    rest = {"bundle.json", *_RENDERED, *(top for top in further if not tops[top])}
    folders = [top for top in further if tops[top]]
    return "\n".join(
        [
            *_copies(manifest, home, ["server.py", "src", *folders]),
            f"COPY {' '.join(sorted(rest))} {home}/",
        ]
    )


def _is_lock(path: str) -> bool:
    return path.startswith("env/") and not path.startswith(f"{WHEELS}/")


def _copies(manifest: BundleManifest, home: str, paths: list[str]) -> list[str]:
    """A layer for each of the paths that are in the bundle."""
    tops = {entry.path.partition("/")[0] for entry in manifest.files} | {"server.py"}
    there = [path for path in paths if path.partition("/")[0] in tops]
    return [f"COPY {path} {home}/{path}" for path in there]


def _models(manifest: BundleManifest) -> list[str]:
    names = [checked(_PART, model.alias, "model name") for model in manifest.models]
    return ["models"] if len(names) > _MANY else [f"models/{name}" for name in names]


def _process(settings: ImageSettings) -> str:
    own = settings.own_environment
    return "\n".join(
        [
            pairs("ENV", settings.environment),
            *([pairs("ENV", own)] if own else []),
            f"EXPOSE {' '.join(map(str, settings.ports))}",
            f"USER {settings.user}",
            listed(
                "HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 CMD",
                settings.health,
            ),
            listed("ENTRYPOINT", settings.entrypoint),
        ]
    )


def _labels(manifest: BundleManifest, settings: ImageSettings) -> str:
    """Labels; then what only `bundle containerize` knows. None of it makes a layer."""
    version = quote(manifest.version) if manifest.version else f"${VERSION}"
    return "\n".join(
        [
            pairs("LABEL", settings.labels),
            *(f"ARG {name}" for name in ARGUMENTS),
            f"LABEL {VERSION_LABEL}={version} \\",
            f"      {DIGEST_LABEL}=${DIGEST}",
            f"ENV {TRUST}=${TRUST}",
        ]
    )


def _sayable(command: str) -> str:
    quote(command.replace("\n", " "), "A command under `system.run`")
    return command
