"""Turn a trained model into a service that you can trust.

The face is lazy: `import modelbundle` loads nothing, and `import modelbundle.runtime` never loads
the builder.
"""

from typing import TYPE_CHECKING

from .runtime.version import __version__

if TYPE_CHECKING:
    from .bundler.building.building import build
    from .bundler.saving.saving import load, save
    from .runtime.services.array import Array
    from .runtime.services.headers import Headers
    from .runtime.services.service import api, model, service
    from .runtime.telemetry.trace_context import trace_headers

__all__ = [
    "Array",
    "Headers",
    "__version__",
    "api",
    "build",
    "load",
    "model",
    "save",
    "service",
    "trace_headers",
]

_HOMES = {
    "Array": ".runtime.services.array",
    "Headers": ".runtime.services.headers",
    "api": ".runtime.services.service",
    "model": ".runtime.services.service",
    "service": ".runtime.services.service",
    "build": ".bundler.building.building",
    "trace_headers": ".runtime.telemetry.trace_context",
    "load": ".bundler.saving.saving",
    "save": ".bundler.saving.saving",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
