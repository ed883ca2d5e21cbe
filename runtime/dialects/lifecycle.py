"""Lifecycle: the interface through which dialects load and unload models."""

from typing import Protocol

from ..errors import NotSupported, RequestError

_WHY = (
    "this server serves what it started with: `serve.model_control` is not `explicit`, "
    "or a service class has the models."
)


class NotVouchedFor(RequestError):
    """The model is not in the bundle, and models from outside are not allowed."""

    status = 403


class AlreadyHere(RequestError):
    """The model is loaded already, as `alias`, or its name is taken."""

    status = 409

    def __init__(self, detail: str, alias: str | None = None) -> None:
        super().__init__(detail)
        self.alias = alias


class Lifecycle(Protocol):
    """Loads and unloads models of a catalog.

    Raises:
        RequestError: when that is impossible, with the reason.
    """

    async def load(self, name: str) -> None:
        """Load, or reload, the model called `name`; return when it answers."""

    async def unload(self, name: str) -> None:
        """Answer the waiting requests of the model called `name`, then unload it."""


class Control(Lifecycle, Protocol):
    """A Lifecycle with the operations of the management API.

    Raises:
        RequestError: when that is impossible, with the reason.
    """

    async def load_version(self, alias: str) -> None:
        """Load, or reload, one version of a model; return when it answers."""

    async def unload_version(self, alias: str) -> None:
        """Answer the waiting requests of one version, then unload it."""

    async def scale(self, alias: str, workers: int) -> None:
        """Reload one version of a model with at least `workers` processes."""

    async def prefer(self, alias: str) -> None:
        """Make one version of a model its default."""

    async def register(self, reference: str, workers: int = 0) -> str:
        """Add a model of the store, `NAME[:VERSION|@alias]`; returns its alias once it answers.

        workers   the number of its processes; 0 = the default
        """

    async def unregister(self, alias: str) -> None:
        """As `unload_version`; a model from the store is also removed."""


class Fixed:
    """A Control that refuses every change.

    Raises:
        NotSupported: always, with the reason.
    """

    async def load(self, name: str) -> None:
        """Refuse."""
        raise NotSupported(f"`{name[:64]}` cannot be loaded: {_WHY}")

    async def unload(self, name: str) -> None:
        """Refuse."""
        raise NotSupported(f"`{name[:64]}` cannot be unloaded: {_WHY}")

    async def load_version(self, alias: str) -> None:
        """Refuse."""
        await self.load(alias)

    async def unload_version(self, alias: str) -> None:
        """Refuse."""
        await self.unload(alias)

    async def scale(self, alias: str, workers: int) -> None:  # noqa: ARG002
        """Refuse."""
        raise NotSupported(f"`{alias[:64]}` cannot be scaled: {_WHY}")

    async def prefer(self, alias: str) -> None:
        """Refuse."""
        raise NotSupported(f"`{alias[:64]}` cannot be made the default: {_WHY}")

    async def register(self, reference: str, workers: int = 0) -> str:  # noqa: ARG002
        """Refuse."""
        raise NotSupported(f"`{reference[:64]}` cannot be registered: {_WHY}")

    async def unregister(self, alias: str) -> None:
        """Refuse."""
        await self.unload(alias)
