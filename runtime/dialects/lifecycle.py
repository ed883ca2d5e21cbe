"""Lifecycle: who loads and unloads models while the server runs."""

from typing import Protocol

from ..errors import NotSupported


_WHY = "this server serves what it started with; `serve.model_control` is not `explicit`."


class Lifecycle(Protocol):
    """Changes what a catalog serves.

    Raises:
        RequestError: where that is not possible, and why.
    """

    async def load(self, name: str) -> None:
        """Load the model called `name`, or load it anew; return when it answers."""
        ...

    async def unload(self, name: str) -> None:
        """Answer what waits for the model called `name`, then let go of it."""
        ...


class Fixed:
    """A Lifecycle that changes nothing: a bundle serves what it was built with."""

    async def load(self, name: str) -> None:
        """Refuse.

        Raises:
            NotSupported: always.
        """
        raise NotSupported(f"`{name[:64]}` cannot be loaded: {_WHY}")

    async def unload(self, name: str) -> None:
        """Refuse.

        Raises:
            NotSupported: always.
        """
        raise NotSupported(f"`{name[:64]}` cannot be unloaded: {_WHY}")
