"""`bundle gc` and `bundle du`: removes unused data, and shows disk usage."""

from typing import Annotated

from typer import Option

from ...options.options import Json, Quiet
from ...terminal.console import Console
from ...terminal.size import human

DryRun = Annotated[bool, Option("--dry-run", help="Only print what would be deleted.")]


def gc(dry_run: DryRun = False, json: Json = False, quiet: Quiet = False) -> None:
    """Delete the bytes that nothing needs any more.

    Examples:

      bundle gc --dry-run

      bundle gc
    """
    from ....bundler.layers.layer_cache import LayerCache
    from ....bundler.store import Store

    console = Console(json=json, quiet=quiet)
    store = Store.default()
    freed = store.gc(dry_run=dry_run)
    layers = LayerCache(store).collect(dry_run=dry_run)
    verb = "Would free" if dry_run else "Freed"
    data = {"blobs": freed.blobs, "bytes": freed.bytes, "layers": layers.bytes, "dry_run": dry_run}
    more = f", and {human(layers.bytes)} that images were made of" if layers.entries else ""
    console.result(data, f"{verb} {human(freed.bytes)} in {freed.blobs} blobs{more}.")


def du(json: Json = False, quiet: Quiet = False) -> None:
    """Show how much disk space the store uses.

    Example:

      bundle du
    """
    from dataclasses import asdict

    from ....bundler.layers.layer_cache import LayerCache
    from ....bundler.store import Store

    console = Console(json=json, quiet=quiet)
    store = Store.default()
    usage = asdict(store.usage())
    usage["unused_layers"] = LayerCache(store).reclaimable()
    counts = {"models", "bundles"}
    rows = [(name, str(value) if name in counts else human(value)) for name, value in usage.items()]
    console.table({"store": str(store.root)} | usage, ("WHAT", "HOW MUCH"), rows)
