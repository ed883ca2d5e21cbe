"""The client of bundles' servers: `from modelbundle.client import Client, AsyncClient`.

The face is lazy: NumPy, asyncio and HTTP are imported with what needs them.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .bundler.client.async_client import AsyncClient
    from .bundler.client.client import Client
    from .bundler.client.wire.failures import (
        ClientError,
        NoRoute,
        OutOfTime,
        Refused,
        Unreachable,
        WrongInput,
    )

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "NoRoute",
    "OutOfTime",
    "Refused",
    "Unreachable",
    "WrongInput",
]

_HOMES = {"AsyncClient": "async_client", "Client": "client"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    home = _HOMES.get(name, "wire.failures")
    return getattr(import_module(f".bundler.client.{home}", __package__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
