"""The table of commands."""

from collections.abc import Callable
from typing import Annotated

import typer
from typer import Option

from ..runtime.version import __version__
from .command import Command, Root
from .commands import build, containerize, doctor, save, serve
from .commands.project import init, lock, schema, test, vendor
from .commands.server import bench, client, predict, restart
from .commands.store import delete, diff, gc, listing, models, show
from .commands.transfer import export, importing, pull, push
from .commands.trust import sbom, sign, trust, verify
from .terminal.console import Console

HELP = """Turn a trained model into a service that you can trust.

\b
  bundle save iris train:model --sample rows.csv
  bundle init --name iris --model iris
  bundle build
  bundle serve iris
  bundle containerize iris
"""
COMMANDS: dict[str, Callable[..., None]] = {
    "save": save.save,
    "init": init.init,
    "lock": lock.lock,
    "build": build.build,
    "vendor": vendor.vendor,
    "test": test.test,
    "list": listing.list_bundles,
    "show": show.show,
    "diff": diff.diff,
    "verify": verify.verify,
    "sign": sign.sign,
    "sbom": sbom.sbom,
    "delete": delete.delete,
    "serve": serve.serve,
    "restart": restart.restart,
    "predict": predict.predict,
    "bench": bench.bench,
    "client": client.client,
    "containerize": containerize.containerize,
    "export": export.export,
    "import": importing.import_any,
    "push": push.push,
    "pull": pull.pull,
    "doctor": doctor.doctor,
    "du": gc.du,
    "gc": gc.gc,
    "schema": schema.schema,
}

GROUPS: dict[str, Callable[[], typer.Typer]] = {
    "models": models.create_app,
    "trust": trust.create_app,
}


def create_app(only: str | None = None) -> typer.Typer:
    """Put the commands under one name; just one of them where `only` that will be run."""
    app = typer.Typer(
        cls=Root,
        help=HELP,
        rich_markup_mode=None,  # 65 ms of every `--help`
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_root)
    is_known = only in COMMANDS or only in GROUPS
    for name, function in COMMANDS.items():
        if name == only or not is_known:
            app.command(name, cls=Command)(function)
    for name, create in GROUPS.items():
        if name == only or not is_known:
            app.add_typer(create(), name=name)
    return app


def _say_version(wanted: bool) -> None:
    if wanted:
        Console().write(f"bundle {__version__}")
        raise typer.Exit


Version = Annotated[
    bool, Option("--version", "-V", is_eager=True, callback=_say_version, help="Show the version.")
]


def _root(version: Version = False) -> None:
    """Nothing of its own: the commands do the work."""
