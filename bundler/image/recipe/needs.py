"""The reasons why the image of a bundle can only be built by an engine."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ....runtime.manifests.bundle_manifest import BundleManifest
from .image_settings import ImageSettings


def engine_reasons(
    manifest: BundleManifest, build_args: Mapping[str, str], wheels: Sequence[Path]
) -> list[str]:
    """A phrase for each reason; none if base image, packages and files are enough."""
    return list(_reasons(manifest, build_args, wheels))


def _reasons(
    manifest: BundleManifest, build_args: Mapping[str, str], wheels: Sequence[Path]
) -> Iterator[str]:
    system = manifest.image.get("system") or {}
    if packages := system.get("packages"):
        yield f"`system.packages` installs {', '.join(packages)}"
    if system.get("run"):
        yield "`system.run` runs commands in the image"
    if not manifest.hermetic and not (system.get("packages") or system.get("run")):
        yield "packages are built from source, for the machine of the image"
    settings = ImageSettings.of(manifest)
    platforms = manifest.image.get("platforms") or ("linux/amd64",)
    if not settings.brings_python and not all(map(settings.standalone, platforms)):
        base, python = settings.base, settings.python
        yield f"the base image `{base}` has no Python, and {python} is none that we know"
    if manifest.lock is None:
        yield "the bundle has no lock"
    if build_args:
        yield "build arguments are an engine's"
    if wheels:
        yield "a further folder of wheels is an engine's"
