"""Vendored: the wheels and the base image in a directory of `bundle vendor`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...bundler.image.image_options import ImageOptions
    from ...bundler.store import Item
    from ...runtime.manifests.bundle_manifest import BundleManifest


@contextmanager
def taken(vendor: Path | None, item: "Item", options: "ImageOptions") -> Iterator["ImageOptions"]:
    """The options with what `vendor` has for them, where there is one."""
    if vendor is None:
        yield options
        return
    from ...bundler.requirements.wheels.wheelhouse import Wheelhouse

    house = Wheelhouse.open(vendor)
    options = replace(options, offline=True)
    if _builds(item, options):
        _check_python(item, options.build_args)
        arguments = {**options.build_args, "PIP_NO_INDEX": "1"}
        wheels = sorted(house.wheels.glob("*.whl"))
        options = replace(options, wheels=wheels, build_args=arguments)
    elif options.base is None:
        base = house.base_of(str(_manifest(item).accelerator.get("base") or ""))
        options = replace(options, base=base)
    with house.in_use():
        yield options


def _check_python(item: "Item", build_args: Mapping[str, str]) -> None:
    """An engine fetches Python by itself, and from no folder of ours."""
    from ...bundler.errors import BuildError
    from ...bundler.image.recipe.image_settings import ImageSettings

    settings = ImageSettings.of(_manifest(item))
    if not settings.brings_python and "PYTHON_MIRROR" not in build_args:
        raise BuildError(
            f"An engine that follows the Containerfile fetches Python for `{settings.base}`, and "
            "takes none that was vendored.",
            hint="Leave `--vendor` out, or serve its folder `python` where the engine reaches it, "
            "and add `--build-arg PYTHON_MIRROR=URL`.",
        )


def _builds(item: "Item", options: "ImageOptions") -> bool:
    """Whether an engine will follow the Containerfile."""
    from ...bundler.image.recipe.needs import engine_reasons

    if options.engine == "none" or options.output is not None:
        return False
    is_asked = options.containerfile or options.engine == "buildkit"
    return is_asked or bool(engine_reasons(_manifest(item), options.build_args, ()))


def _manifest(item: "Item") -> "BundleManifest":
    from ...bundler.store import Store
    from ...runtime.manifests.bundle_manifest import BundleManifest

    return BundleManifest.read(Store.default().directory(item))
