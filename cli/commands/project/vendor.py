"""`bundle vendor`: fetches all that a build without a network needs."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from ...options.completion import any_tags
from ...options.options import Json, Offline, PlainHttp, Quiet
from ...terminal.console import Console

What = Annotated[
    str,
    Argument(
        metavar="TARGET",
        help="A project directory, a bundlefile, or a bundle's tag.",
        autocompletion=any_tags,
    ),
]
Output = Annotated[Path, Option("--output", "-o", metavar="DIR", help="Where everything goes.")]
Base = Annotated[bool, Option("--base/--no-base", help="Whether to fetch the base image, too.")]


def vendor(
    target: What,
    output: Output,
    base: Base = True,
    plain_http: PlainHttp = False,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fetch what a build without a network needs.

    That is the lock, the wheels and, for the image, its base.

    Examples:

      bundle vendor . -o vendor

      bundle build --vendor vendor

      bundle vendor fraud:1.4 -o vendor --no-base
    """
    from ....bundler.building.vendoring import vendor as bring
    from ....bundler.project.project import Project
    from ....bundler.store import Store

    console = Console(json=json, quiet=quiet)
    store, path = Store.default(), Path(target)
    source = Project.open(path) if path.exists() else store.find(target, "bundle")
    done = bring(
        source,
        output,
        store=store,
        offline=offline,
        with_base=base,
        plain_http=plain_http,
        progress=console,
    )
    for warning in done.warnings:
        console.warning(warning)
    bases = f" and {len(done.bases)} base images" if done.bases else ""
    bases += "".join(f" and `{name}`" for name in done.pythons)
    text = f"Brought {done.files} wheels{bases} into `{output}` ({done.fetched} fetched now)."
    follow = ["build"] if isinstance(source, Project) else ["containerize", target]
    if isinstance(source, Project) and Path(target) != Path():
        follow.append(target)
    follow += ["--vendor", str(output)]
    data = asdict(done) | {"directory": str(output)}
    console.result(data, text, next_command=shlex.join(["bundle", *follow]))
