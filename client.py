"""The client of bundles' servers: `from modelbundle.client import Client, AsyncClient`."""

from .bundler.client.async_client import AsyncClient
from .bundler.client.client import Client
from .bundler.client.failures import (
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
