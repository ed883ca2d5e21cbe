"""Lifecycle: who loads and unloads models while the server runs."""

from typing import Protocol

from ..errors import NotSupported, RequestError

_WHY = (
    "this server serves what it started with: `serve.model_control` is not `explicit`, "
    "or a service class has the models."
)


class NotVouchedFor(RequestError):
    """A model that is none of the bundle's, and may not come from outside."""

    status = 403


class AlreadyHere(RequestError):
    """A model is to come that is here, as `alias`, or whose place another has."""

    status = 409

    def __init__(self, detail: str, alias: str | None = None) -> None:
        super().__init__(detail)
        self.alias = alias


class Lifecycle(Protocol):
    """Changes what a catalog serves.

    Raises:
        RequestError: where that is not possible, and why.
    """

    async def load(self, name: str) -> None:
        """Load the model called `name`, or load it anew; return when it answers."""

    async def unload(self, name: str) -> None:
        """Answer what waits for the model called `name`, then let go of it."""


class Control(Lifecycle, Protocol):
    """A Lifecycle that can do more, for those who run the server.

    Raises:
        RequestError: where that is not possible, and why.
    """

    async def load_version(self, alias: str) -> None:
        """Load one version of a model, or load it anew; return when it answers."""

    async def unload_version(self, alias: str) -> None:
        """Answer what waits for one version of a model, then let go of it."""

    async def scale(self, alias: str, workers: int) -> None:
        """Have one version of a model in at least so many processes, loaded anew."""

    async def prefer(self, alias: str) -> None:
        """Have one version of a model be what its name means."""

    async def register(self, reference: str, workers: int = 0) -> str:
        """Bring a model of the store, `NAME[:VERSION|@alias]`; its alias, once it answers.

        `workers` are processes that it shall have; 0 = as all others.
        """

    async def unregister(self, alias: str) -> None:
        """As `unload_version`; one that came from the store is forgotten then."""


class Fixed:
    """A Control that changes nothing: a bundle serves what it was built with.

    Raises:
        NotSupported: whatever is asked of it, with the reason.
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
