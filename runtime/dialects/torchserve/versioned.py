"""Versioned: a model by name and version, for TorchServe's clients: which of both there is not."""

from ...errors import UnknownModel
from ..catalog import Catalog
from ..served import Served
from .errors import UnknownVersion


def find(catalog: Catalog, name: str, version: str | None) -> Served:
    """The model in that version, or in its default one.

    Raises:
        UnknownModel: when there is none of that name; UnknownVersion when it has others.
    """
    served = catalog.find(name)
    try:
        return catalog.find(name, version) if version else served
    except UnknownModel as error:
        raise UnknownVersion(error.detail) from None
