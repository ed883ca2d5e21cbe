"""`bundle build`: a project becomes one immutable bundle."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from ..options.options import Bundlefile, Json, Offline, Policy, ProjectDir, Quiet, Vendor
from ..terminal.console import Console
from ..terminal.size import human
from .containerize import make_image
from .item_json import to_json

if TYPE_CHECKING:
    from ...bundler.building.building import Built
    from ...bundler.building.memo import Memo, Unchanged

DryRun = Annotated[
    bool, Option("--dry-run", help="Check everything, show the plan, write nothing.")
]
Explain = Annotated[bool, Option("--explain", help="Print the reason for each decision.")]
Platform = Annotated[
    str | None, Option("--platform", metavar="OS/ARCH", help="Only this one, e.g. `linux/arm64`.")
]
Accelerator = Annotated[
    str | None,
    Option(
        "--accelerator", metavar="KIND", help="`cpu`, `cuda` or `cuda==X.Y`, for this build only."
    ),
]
_RUNTIME = "modelbundle/"
Containerize = Annotated[bool, Option("--containerize", help="Build the container image, too.")]


def build(
    directory: ProjectDir = Path(),
    file: Bundlefile = None,
    dry_run: DryRun = False,
    explain: Explain = False,
    offline: Offline = False,
    vendor: Vendor = None,
    platform: Platform = None,
    accelerator: Accelerator = None,
    containerize: Containerize = False,
    policy: Policy = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build a bundle from a bundlefile.

    Examples:

      bundle build

      bundle build examples/two_models --explain

      bundle build --dry-run
    """
    console = Console(json=json, quiet=quiet)
    options = {"platform": platform, "accelerator": accelerator}
    limits = {"offline": offline, "dry_run": dry_run, "policy": policy, "vendor": vendor}
    memo = None if dry_run or policy or vendor else _memo(directory, file, options)
    built = (memo.recall() if memo else None) or _build(
        directory, file, memo, console, **options, **limits
    )
    for warning in built.warnings:
        console.warning(warning)
    reasons = [*built.why] if explain or dry_run else []
    if built.item is None:
        _show_plan(built, reasons, console)
        return
    data = to_json(built.item) | _data(built)
    if containerize:
        console.step(_summary(built))
        data |= {"image": make_image(built.item, console, policy=policy)}
    text = "\n".join([*reasons, _summary(built)])
    console.result(data, text, next_command=f"bundle serve {built.item.tag}")


def _memo(directory: Path, file: Path | None, options: Mapping[str, str | None]) -> "Memo":
    from ...bundler.building.memo import Memo
    from ...bundler.project.project import Project
    from ...bundler.store import Store

    root, bundlefile = Project.place(directory, file)
    return Memo(Store.default(), root, bundlefile, tuple(options.values()))


def _build(
    directory: Path, file: Path | None, memo: "Memo | None", console: Console, **options: Any
) -> "Built":
    from ...bundler.building.building import build as build_bundle
    from ...bundler.project.project import Project

    project = Project.open(directory, file)
    built = build_bundle(project, progress=console, **options)
    if memo:
        memo.remember(project, built)
    return built


def _data(built: "Built | Unchanged") -> dict[str, Any]:
    return {
        "path": str(built.directory) if built.directory else None,
        "files": len(built.manifest.files),
        "warnings": list(built.warnings),
        "why": list(built.why),
        "accelerator": dict(built.manifest.accelerator),
    }


def _summary(built: "Built | Unchanged") -> str:
    manifest = built.manifest
    total = human(sum(entry.size for entry in manifest.files))
    routes = ", ".join(route.path for route in manifest.routes)
    name = f"`{built.item.tag}`" if built.item else f"`{manifest.name}`"
    return f"Built {name} ({len(manifest.files)} files, {total}; {routes})."


def _show_plan(built: "Built", reasons: list[str], console: Console) -> None:
    digest = built.digest.removeprefix("sha256:")
    files = [f"  {human(size):>9}  {path}" for path, size in _told(built)]
    lines = [_summary(built).replace("Built", "Would build"), *files, *reasons, ""]
    data = {"tag": None, "digest": digest, "dry_run": True, "name": built.manifest.name}
    data |= _data(built) | {"containerfile": built.plan.containerfile}
    console.result(data, "\n".join(lines) + built.plan.containerfile.rstrip("\n"))


def _told(built: "Built") -> list[tuple[str, int]]:
    """Each file with its size; the hundreds of the server's own code as one."""
    files = built.manifest.files
    own = [entry.size for entry in files if entry.path.startswith(_RUNTIME)]
    rest = [(entry.path, entry.size) for entry in files if not entry.path.startswith(_RUNTIME)]
    return sorted([*rest, (f"{_RUNTIME} ({len(own)} files)", sum(own))])
