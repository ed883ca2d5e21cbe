"""Explainer: finds the method that explains a model's answers, if there is one."""

from ..errors import NotSupported, UnknownModel
from .catalog import Catalog
from .served import Served

_METHOD = "explain"


def explainer(catalog: Catalog, served: Served) -> Served:
    """The model's method `explain`; of an author's class, its API of that name.

    Raises:
        NotSupported: when there is none.
    """
    try:
        if served.manifest is None:
            return catalog.find(_METHOD)
        return catalog.find(served.name, served.version, method=_METHOD)
    except UnknownModel:
        raise NotSupported(f"Model `{served.name}` has no method `{_METHOD}`.") from None
