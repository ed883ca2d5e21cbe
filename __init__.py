"""Turn a trained model into a service that you can trust.

The face is lazy: `import modelbundle` loads nothing, and `import modelbundle.runtime` never loads
the builder.
"""

from typing import TYPE_CHECKING

from .runtime.version import __version__

if TYPE_CHECKING:
    from .bundler.building import build
    from .bundler.saving import load, save
    from .runtime.array import Array
    from .runtime.service import api, model, service

__all__ = ["Array", "__version__", "api", "build", "load", "model", "save", "service"]

_HOMES = {
    "Array": ".runtime.array",
    "api": ".runtime.service",
    "model": ".runtime.service",
    "service": ".runtime.service",
    "build": ".bundler.building",
    "load": ".bundler.saving",
    "save": ".bundler.saving",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
