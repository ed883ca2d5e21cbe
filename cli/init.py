"""`bundle init`: a commented bundlefile, and a service skeleton to fill in."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from .console import Console
from .options import Json, ProjectDir, Quiet

Name = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Name of the bundle; default: of DIR.")
]
Models = Annotated[
    list[str] | None, typer.Option("--model", metavar="TAG", help="Model to serve; repeatable.")
]
Service = Annotated[bool, typer.Option("--service", help="Write service.py as well.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]


def init(
    directory: ProjectDir = Path(),
    name: Name = None,
    model: Models = None,
    service: Service = False,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a commented bundlefile and a service skeleton.

    Examples:

      bundle init --model iris

      bundle init fraud --model fraud_net --service
    """
    from ..bundler.project.scaffold import scaffold

    console = Console(json=json, quiet=quiet)
    written = scaffold(
        directory, name=name, models=tuple(model or ()), service=service, force=force
    )
    data = {"files": [str(path) for path in written]}
    text = "\n".join(f"Wrote `{path}`." for path in written)
    where = "" if directory == Path() else f" {shlex.quote(str(directory))}"
    console.result(data, text, next_command=f"bundle build{where}")
