"""`bundle serve`: a bundle, a model or a project behind HTTP."""

from typing import TYPE_CHECKING, Annotated

import typer

from .console import Console
from .options import Env, Json, Offline, Quiet, Target, Trust

if TYPE_CHECKING:
    from ..bundler.serving import Wish
    from ..bundler.store import Store

Port = Annotated[int | None, typer.Option("--port", "-p", min=0, max=65535, help="Port.")]
Host = Annotated[str | None, typer.Option("--host", help="Address; default 127.0.0.1.")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Processes.")]
Gpu = Annotated[
    str | None, typer.Option("--gpu", metavar="[=0,1]", help="Run on GPUs: all, or these.")
]
Reload = Annotated[bool, typer.Option("--reload", help="Start again when a source file changes.")]
Explain = Annotated[bool, typer.Option("--explain", help="Say what was chosen, and why.")]


def serve(
    target: Target,
    port: Port = None,
    host: Host = None,
    workers: Workers = None,
    gpu: Gpu = None,
    reload: Reload = False,
    explain: Explain = False,
    env: Env = "auto",
    trust: Trust = False,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Serve a bundle, a saved model or a project directory.

    Examples:

      bundle serve fraud

      bundle serve model:iris --port 9000

      bundle serve . --reload

      bundle serve fraud --gpu=0,1
    """
    from ..bundler.serving import Wish
    from ..bundler.store import Store
    from .choice import environment_mode

    console = Console(json=json, quiet=quiet)
    options = _options({"--port": port, "--host": host, "--workers": workers, "--gpu": gpu})
    options += ["--explain"] if explain else []
    wish = Wish(environment_mode(env), trust=trust, offline=offline)
    store = Store.default()
    if reload:
        from . import reloading

        raise typer.Exit(reloading.serve(target, store, wish, options, console))
    raise typer.Exit(_serve(target, store, wish, options, console))


def _serve(target: str, store: "Store", wish: "Wish", options: list[str], console: Console) -> int:
    from ..bundler.serving import prepare
    from . import process

    with prepare(target, store, wish, console) as launch:
        console.step(launch.environment.why)
        return process.stand_in(launch.command(options), launch.variables())


def _options(given: dict[str, object]) -> list[str]:
    return [f"{name}={value}" for name, value in given.items() if value is not None]
