"""`bundle lock`: pins all packages by hash."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from ...options.options import Bundlefile, Json, Offline, ProjectDir, Quiet
from ...terminal.console import Console

if TYPE_CHECKING:
    from ....bundler.building.locking.locking import Locked

Upgrade = Annotated[bool, Option("--upgrade", help="Choose the newest versions again.")]


def lock(
    directory: ProjectDir = Path(),
    file: Bundlefile = None,
    upgrade: Upgrade = False,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Resolve the requirements to exact hashes.

    Examples:

      bundle lock

      bundle lock --upgrade
    """
    from ....bundler.building.locking.locking import lock as resolve
    from ....bundler.project.project import Project

    console = Console(json=json, quiet=quiet)
    project = Project.open(directory, file)
    locked = resolve(project, offline=offline, upgrade=upgrade, progress=console)
    for warning in locked.warnings:
        console.warning(warning)
    console.result(
        _data(locked), _text(locked), next_command=f"bundle build{_where(directory, file)}"
    )


def _where(directory: Path, file: Path | None) -> str:
    named = [] if directory == Path() else [str(directory)]
    named += [] if file is None else ["--file", str(file)]
    return f" {shlex.join(named)}" if named else ""


def _data(locked: "Locked") -> dict[str, Any]:
    return {
        "path": str(locked.path),
        "digest": locked.lock.digest.removeprefix("sha256:"),
        "changed": locked.is_new,
        "packages": {package.name: package.version for package in locked.lock.packages},
        "accelerator": locked.hardware.to_json(),
    }


def _text(locked: "Locked") -> str:
    lock = locked.lock
    verb = "Locked" if locked.is_new else "Kept"
    platforms = ", ".join(lock.platforms)
    count = len({package.name for package in lock.packages})
    return f"{verb} {count} packages for Python {lock.python} on {platforms} in `{locked.path}`."
