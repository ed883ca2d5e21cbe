"""Explanation: layers, sizes and possible engines of an image, before it is made."""

from typing import TYPE_CHECKING, Any

from ...runtime.manifests.bundle_manifest import BundleManifest
from . import engineless
from .recipe import image_config
from .recipe.image_settings import ImageSettings
from .recipe.needs import engine_reasons

if TYPE_CHECKING:
    from ..store import Item, Store


def of(item: "Item", store: "Store", platform: str | None = None) -> dict[str, Any]:
    """Base, platform, layers with their sizes, and sentences; for a program or a person.

    Nothing is fetched for it: `size` is null where nobody here knows the packages yet.

    Raises:
        BuildError: for a base image of Alpine.
    """
    manifest = BundleManifest.read(store.directory(item))
    settings = ImageSettings.of(manifest)
    image_config.check_libc({}, settings.base)
    plan = engineless.plan(item, store, platform)
    reasons = engine_reasons(manifest, {}, ())
    layers = plan.to_json(item.name)
    return {
        "base": settings.base,
        "platform": engineless.chosen_platform(manifest, platform),
        "layers": layers,
        "size": _total(layers),
        "needs_engine": reasons,
        "why": _sentences(layers, reasons),
    }


def _total(layers: list[dict[str, Any]]) -> int | None:
    sizes = [layer["size"] for layer in layers]
    return None if None in sizes else sum(sizes)


def _sentences(layers: list[dict[str, Any]], reasons: list[str]) -> list[str]:
    reused = [layer for layer in layers if layer["reused"]]
    sentences = [f"An engine is needed, because {'; '.join(reasons)}."] if reasons else []
    if not reasons:
        sentences.append(
            "No engine is needed: `--output oci:DIR`, `--output FILE.tar` or `--push`."
        )
    sentences.append(f"{len(reused)} of {len(layers)} layers are those of the last image.")
    return sentences
