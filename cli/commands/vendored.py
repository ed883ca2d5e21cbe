"""Vendored: an image's wheels and base image from a folder of `bundle vendor`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...bundler.store import Item
    from ...runtime.manifests.manifest import BundleManifest


@contextmanager
def taken(vendor: Path | None, item: "Item", means: dict[str, Any]) -> Iterator[None]:
    """Have them taken from `vendor`, where there is one; completes `means`."""
    if vendor is None:
        yield
        return
    from ...bundler.requirements.wheels.wheelhouse import Wheelhouse

    house = Wheelhouse.open(vendor)
    means["offline"] = True
    if _builds(item, means):
        _check_python(item, means["build_args"])
        means["wheels"] = sorted(house.wheels.glob("*.whl"))
        means["build_args"] = {**means["build_args"], "PIP_NO_INDEX": "1"}
    elif means["base"] is None:
        means["base"] = house.base_of(str(_manifest(item).accelerator.get("base") or ""))
    with house.in_use():
        yield


def _check_python(item: "Item", build_args: dict[str, str]) -> None:
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


def _builds(item: "Item", means: dict[str, Any]) -> bool:
    """Whether an engine will follow the Containerfile."""
    from ...bundler.image.recipe.needs import engine_reasons

    if means["engine"] == "none" or means["output"] is not None:
        return False
    asked = means["containerfile"] or means["engine"] == "buildkit"
    return asked or bool(engine_reasons(_manifest(item), means["build_args"], ()))


def _manifest(item: "Item") -> "BundleManifest":
    from ...bundler.store import Store
    from ...runtime.manifests.manifest import BundleManifest

    return BundleManifest.read(Store.default().directory(item))
