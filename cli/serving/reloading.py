"""`--reload`: serves, watches the sources, and restarts when one of them changes."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ...bundler.errors import BuildError
from ...bundler.project.project import Project
from ...bundler.serving.serving import LaunchOptions, prepare, service_project
from ...runtime.errors import BundleError
from ..terminal.console import Console
from . import process

if TYPE_CHECKING:
    from ...bundler.store import Store

INTERVAL = 0.4  # seconds between two looks at the files
WATCHED = {".py", ".yaml", ".yml", ".json", ".toml", ".txt"}
Stamps = dict[str, tuple[int, int]]


class _Stop:
    """The signal that ends it all, once one came."""

    number: int | None = None


def serve(
    target: str, store: "Store", launch_options: LaunchOptions, options: list[str], console: Console
) -> int:
    """Serve the project at `target` until a signal; its exit code.

    A source that breaks the project is told, and the next change tries again.

    Raises:
        BadParameter: with `--json`: there would be one object for each start.
        BuildError: when the target is no project: a bundle never changes.
    """
    if console.json:
        raise typer.BadParameter("`--json` and `--reload` do not go together.")
    root = _watched(target, store)
    with _signals() as stop:
        while stop.number is None:
            before = _stamps(root)
            try:
                code = _serve_until_change(target, store, launch_options, options, root, stop)
            except BundleError as error:
                console.error(str(error), error.hint)
                code = error.exit_code
            if stop.number is None and _stamps(root) == before:
                console.step("Waiting for a change.")
                _wait(root, before, stop)
        return code


def _watched(target: str, store: "Store") -> Path:
    """The directory whose files make what `target` names."""
    service = service_project(target, store)
    if service is None and not Path(target).exists():
        raise BuildError(
            "`--reload` watches a project.", hint="Give its directory: `bundle serve .`"
        )
    return (service or Project.open(Path(target))).root


def _serve_until_change(
    target: str,
    store: "Store",
    launch_options: LaunchOptions,
    options: list[str],
    root: Path,
    stop: _Stop,
) -> int:
    before = _stamps(root)
    with prepare(target, store, launch_options) as launch:
        child = process.start(launch.command(options), launch.variables())
        while child.poll() is None and stop.number is None and _stamps(root) == before:
            time.sleep(INTERVAL)
        if child.poll() is None:
            child.send_signal(stop.number or signal.SIGTERM)
        code = child.wait()
        return code if code >= 0 else 128 - code


def _wait(root: Path, before: Stamps, stop: _Stop) -> None:
    while stop.number is None and _stamps(root) == before:
        time.sleep(INTERVAL)


def _stamps(root: Path) -> Stamps:
    """When each source was last written, and its size."""
    found: Stamps = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith((".", "__"))]
        if "pyvenv.cfg" in files:
            folders.clear()
            continue
        for name in files:
            if Path(name).suffix in WATCHED:
                path = Path(folder, name)
                try:
                    stat = path.stat()
                except OSError:
                    continue  # gone between the two looks: that is a change as well
                found[str(path)] = (stat.st_mtime_ns, stat.st_size)
    return found


@contextmanager
def _signals() -> Iterator[_Stop]:
    stop = _Stop()

    def remember(number: int, _: object) -> None:
        stop.number = number

    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, remember) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
