"""Source: finds the contract of a server, a bundle or a model, without running any."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...runtime.errors import BundleError
from ...runtime.http import openapi
from ...runtime.manifests.bundle_manifest import BundleManifest
from ...runtime.manifests.model_manifest import ModelManifest
from .contract import Contract
from .wire.failures import Unreachable

if TYPE_CHECKING:
    from ..store import Item, Store


_NO_SERVER = "Start one with `bundle serve TAG`, or name a tag instead of a URL."


@dataclass(frozen=True, slots=True)
class Source:
    """A contract and whose it is; a server has neither tag nor digest."""

    contract: Contract
    tag: str | None = None
    digest: str | None = None


def contract_of(target: str) -> Source:
    """The contract of the server at a URL, or of what a tag names.

    Raises:
        BundleError: when nobody answers at the URL.
        NotFound: when nothing has that tag.
    """
    if target.startswith(("http://", "https://")):
        from .client import Client

        try:
            with Client(target) as client:
                return Source(client.contract)
        except Unreachable as error:
            raise BundleError(str(error), hint=_NO_SERVER) from error
    from ..store import Store

    store = Store.default()
    item = store.find(target)
    document = _of_bundle(item, store) if item.kind == "bundle" else _of_model(item, store)
    contract = Contract.read(json.dumps(document).encode())
    return Source(contract, item.tag, item.digest.removeprefix("sha256:"))


def _of_bundle(item: "Item", store: "Store") -> dict[str, Any]:
    directory = store.directory(item)
    manifest = BundleManifest.read(directory)
    models = {
        entry.alias: ModelManifest.read(directory / "models" / entry.alias)
        for entry in manifest.models
    }
    return openapi.document(manifest, models)


def _of_model(item: "Item", store: "Store") -> dict[str, Any]:
    from ..building.chosen_model import ChosenModel
    from ..building.model_bundle import manifest_of

    model = ChosenModel.of(item.name, item, store)
    return openapi.document(manifest_of(model), {model.alias: model.manifest})
