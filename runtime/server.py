"""Server: what a bundle's `server.py` makes, and `python -m modelbundle.runtime` runs."""

import os
import signal
import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import BundleError
from .manifest import Route
from .outlet import STDERR
from .process.handover import Handover
from .process.options import Options
from .streams import open_closed

if TYPE_CHECKING:
    from .http.app import Application

__all__ = ["Route", "Server", "main"]

Asgi = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]


class Server:
    """A bundle's server: an ASGI application for any server, and a command of its own.

    Example:
        server = Server(Path(__file__).parent, routes=[Route("/predict", "predict", model="iris")])
        app = server.app

    `dialects` are those of `serve.dialects`, where it shall speak others than the bundle says.
    """

    def __init__(
        self, directory: Path, routes: Sequence[Route] = (), dialects: Sequence[str] | None = None
    ) -> None:
        self._directory = directory
        self._routes = tuple(routes)
        self._dialects = None if dialects is None else tuple(dialects)
        self._application: Application | None = None

    @property
    def app(self) -> Asgi:
        """The ASGI application; nothing is imported or loaded before it is started."""
        return self

    def main(self, arguments: Sequence[str] | None = None) -> NoReturn:
        """Serve as the command line says, and exit with the code that the contract names."""
        options = replace(Options.parse(arguments, self._directory), dialects=self._dialects)
        sys.exit(run(options, self._routes))

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Answer one request, or run one lifespan, for whatever ASGI server asks."""
        if self._application is None:
            try:
                self._application = self._create()
            except BundleError as error:
                if scope["type"] == "lifespan":
                    await receive()
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                raise
        await self._application(scope, receive, send)

    def _create(self) -> "Application":
        from . import trust
        from .http.app import create_app
        from .process.starting import checked_plan

        options = Options(self._directory, dialects=self._dialects)
        plan = checked_plan(options, self._routes)
        trust.verify(plan.directory, plan.manifest.files)
        return create_app(plan)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the bundle directory that the command line names; the exit code."""
    return run(Options.parse(arguments, None))


def run(options: Options, routes: Sequence[Route] = ()) -> int:
    """Serve until a signal; the exit code. What a person can mend is said in a line or two."""
    open_closed()
    handover = Handover.taken()
    try:
        from .process.starting import Start  # here: a Ctrl-C while it is imported is no traceback

        return Start.of(options, routes).run(handover)
    except BundleError as error:
        handover.failed(error)
        if os.environ.get("BUNDLE_DEBUG"):
            raise
        tell(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        STDERR.end()


def tell(error: BundleError) -> None:
    """Say an error and its hint on stderr."""
    hint = f"hint: {error.hint}\n" if error.hint else ""
    STDERR.write(f"error: {error}\n{hint}".encode(errors="backslashreplace"))
