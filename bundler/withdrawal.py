"""Withdrawal: withdraws trust that was given on this machine."""

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ..runtime.digest import is_digest
from ..runtime.errors import BundleError
from ..runtime.manifests.bundle_manifest import BundleManifest
from .store.trust import BUILT_HERE

if TYPE_CHECKING:
    from .store import Item, Store


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What is no longer trusted, and what still runs.

    digests   those that were withdrawn: what was asked for, then the bundles that were trusted for
              no other reason than that they were built of it
    bundles   tags of bundles that hold the model and were vouched for by themselves
    models    tags of models by which the bundle still runs: each is trusted by itself
    """

    digests: tuple[str, ...]
    bundles: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str, store: "Store") -> Self:
        """Withdraw the trust in what a tag or a whole digest names.

        Raises:
            BundleError: when it was not trusted.
            NotFound: when nothing has that tag.
        """
        digest = _digest(text, store)
        reasons = {granted.digest: granted.reason for granted in store.trust.granted()}
        if digest not in reasons:
            raise BundleError(
                f"`{text}` is not trusted on this machine.",
                hint="See what is with `bundle trust list`.",
            )
        holding = {
            bundle.digest: bundle.tag
            for bundle, manifest in _bundles(store)
            if bundle.digest in reasons and digest in {model.digest for model in manifest.models}
        }
        built = [one for one in holding if reasons[one] == BUILT_HERE]
        for one in (*built, digest):  # it last: whoever is killed before may ask for it again
            store.trust.revoke(one)
        by_themselves = tuple(tag for one, tag in holding.items() if one not in built)
        return cls((digest, *built), by_themselves, tuple(_models(digest, store)))


def _digest(text: str, store: "Store") -> str:
    whole = text if text.startswith("sha256:") else f"sha256:{text}"
    return whole if is_digest(whole) else store.find(text).digest


def _bundles(store: "Store") -> "list[tuple[Item, BundleManifest]]":
    """All that can be read; of a damaged one nothing runs."""
    found = []
    for item in store.items("bundle"):
        with suppress(BundleError, ValueError, KeyError):
            found.append((item, BundleManifest.from_json(json.loads(store.config(item)))))
    return found


def _models(digest: str, store: "Store") -> list[str]:
    """Models by which a bundle is trusted still: all that run code, where it has no other code."""
    for item, manifest in _bundles(store):
        running = [model for model in manifest.models if model.executes_code]
        are_trusted = all(store.trust.is_trusted(model.digest) for model in running)
        if item.digest == digest and manifest.service is None and are_trusted:
            return [f"model:{model.name}:{model.version}" for model in running]
    return []
