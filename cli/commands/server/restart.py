"""`bundle restart`: replaces a running server by the newest version of its target, with no gap."""

import signal
import time
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument

from ....runtime.errors import BundleError
from ...options.options import Json, Quiet
from ...terminal.console import Console

if TYPE_CHECKING:
    from pathlib import Path

    from ....bundler.serving.running import RunningServer

PAUSE = 0.02  # seconds between two looks

Which = Annotated[
    str | None,
    Argument(metavar="[TARGET]", help="Port, process id, tag or name; default: the one that runs."),
]


def restart(target: Which = None, json: Json = False, quiet: Quiet = False) -> None:
    """Switch a running server to what its tag now names.

    No request is lost. Ends when the new processes serve. If they cannot, the old ones go on.

    Examples:

      bundle restart

      bundle restart fraud

      bundle restart 8080 --json
    """
    from ....bundler.serving.running import RunningServer
    from ....bundler.store import Store

    console = Console(json=json, quiet=quiet)
    root = Store.default().root
    before = RunningServer.find(root, target)
    name = before.tag or before.target
    console.step(f"Restarting `{name}` on port {before.port} (pid {before.pid}).")
    now = _restarted(before, root)
    text = f"`{now.tag or now.target}` serves on {now.url}."
    console.result(_to_json(before, now), text)


def _restarted(before: "RunningServer", root: "Path") -> "RunningServer":
    """Ask for it, and wait until it is done.

    Raises:
        BundleError: when the new server cannot serve, or the old one ends.
    """
    from ....bundler.serving.running import interrupt

    if before.state != "serving":
        raise BundleError(
            f"The server on port {before.port} is {before.state} already.",
            hint="Try again when it serves.",
        )
    interrupt(before, signal.SIGHUP)
    now: RunningServer | None = before
    while now is not None and now.attempts == before.attempts:
        time.sleep(PAUSE)
        now = now.again(root)
    if now is None:
        raise BundleError("The server ended before it was restarted; its stderr has its words.")
    if now.error is not None:
        error = BundleError(
            f"The restart failed, and the old server goes on: {now.error['message']}",
            hint=now.error["hint"],
        )
        error.exit_code = now.error["code"] or 1
        raise error
    return now


def _to_json(before: "RunningServer", now: "RunningServer") -> dict[str, Any]:
    return {
        "tag": now.tag,
        "digest": now.digest,
        "before": {"tag": before.tag, "digest": before.digest},
        "url": now.url,
        "pid": now.pid,
    }
