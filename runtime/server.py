"""Server: what a bundle's `server.py` makes, and `python -m modelbundle.runtime` runs."""

import os
import signal
import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import BundleError
from .manifests.route import Route
from .process.handover import Handover
from .process.options import Options
from .system.log_output import STDERR
from .system.standard_streams import open_closed

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
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # until somebody obeys it
    open_closed()
    handover = Handover.taken()
    try:
        from .process.starting import Start  # here: a Ctrl-C while it is imported is no traceback

        return Start.of(options, routes).run(handover)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception as error:
        failure = error if isinstance(error, BundleError) else _lack(error)
        if failure is not None:
            handover.failed(failure)
        if failure is None or os.environ.get("BUNDLE_DEBUG"):
            raise
        tell(failure)
        return failure.exit_code
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        STDERR.end()


def _lack(error: Exception) -> BundleError | None:
    """What this machine does not give us, in words; None where that is not what is wrong."""
    if isinstance(error, OSError):
        file = f" (`{error.filename}`)" if error.filename else ""
        return BundleError(f"The server cannot run here: {error.strerror or error}{file}.")
    if isinstance(error, MemoryError):
        return BundleError("The server cannot run here: there is not enough memory.")
    if isinstance(error, RuntimeError) and "new thread" in str(error):
        why = "The server cannot run here: there may be no more threads."
        return BundleError(why, hint="See `ulimit -u`, or the `pids` limit of the container.")
    return None


def tell(error: BundleError) -> None:
    """Say an error and its hint on stderr."""
    hint = f"hint: {error.hint}\n" if error.hint else ""
    STDERR.write(f"error: {error}\n{hint}".encode(errors="backslashreplace"))
