"""`bundle init`: a commented bundlefile, and a service skeleton to fill in."""

import json as jsonlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from ...options.options import Json, ProjectDir, Quiet
from ...terminal.console import Console

if TYPE_CHECKING:
    from ....runtime.manifests.model_manifest import ModelManifest

Name = Annotated[
    str | None, Option("--name", metavar="NAME", help="Name of the bundle; default: of DIR.")
]
Models = Annotated[
    list[str] | None, Option("--model", metavar="TAG", help="Model to serve; repeatable.")
]
Service = Annotated[bool, Option("--service", help="Write service.py as well.")]
Force = Annotated[bool, Option("--force", help="Overwrite what is there.")]


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
    from ....bundler.project.project import Project
    from ....bundler.project.scaffold import scaffold

    console = Console(json=json, quiet=quiet)
    tags = tuple(model or ())
    saved = [_saved(tag) for tag in tags]
    written = scaffold(directory, name=name, models=tags, service=service, force=force, saved=saved)
    data = {"files": [str(path) for path in written]}
    text = "\n".join(f"Wrote `{path}`." for path in written)
    where = "" if directory == Path() else f" {shlex.quote(str(directory))}"
    wanted = [reference.ref for reference in Project.open(directory).bundlefile.models]
    unsaved = [ref for ref in wanted if _saved(ref) is None]
    then = f"bundle save {unsaved[0]} module:attribute" if unsaved else f"bundle build{where}"
    console.result(data, text, next_command=then)


def _saved(tag: str) -> "ModelManifest | None":
    from ....bundler.errors import NotFound
    from ....bundler.store import Store
    from ....runtime.manifests.model_manifest import ModelManifest

    store = Store.default()
    try:
        return ModelManifest.from_json(jsonlib.loads(store.config(store.find(tag, "model"))))
    except NotFound:
        return None
