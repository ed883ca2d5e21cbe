"""`bundle serve`: a bundle, a model or a project behind HTTP."""

import re
from typing import Annotated, Any, Literal

import typer

from .console import Console
from .options import Env, Json, Offline, Policy, Quiet, Target, Trust

_GPUS = re.compile(r"all|\d+(,\d+)*")
_MOST_WORKERS = 1024


def _workers(text: str | None) -> str | None:
    if text is None or text == "auto" or (text.isdecimal() and 0 < int(text) <= _MOST_WORKERS):
        return text
    raise typer.BadParameter(f"{text!r} is neither auto nor a number from 1 to {_MOST_WORKERS}.")


def _gpus(text: str | None) -> str | None:
    if text is None or _GPUS.fullmatch(text):
        return text
    raise typer.BadParameter(f"{text!r} is not a list such as 0,1.")


Port = Annotated[
    int | None,
    typer.Option(
        "--port", "-p", min=0, max=65535, metavar="PORT", help="Port; 0 takes any free one."
    ),
]
GrpcPort = Annotated[
    int | None,
    typer.Option(
        "--grpc-port",
        min=0,
        max=65535,
        metavar="PORT",
        help="Port of gRPC, where it is spoken; 0 takes any free one.",
    ),
]
Host = Annotated[
    str | None, typer.Option("--host", metavar="ADDRESS", help="Address; default 127.0.0.1.")
]
Workers = Annotated[
    str | None,
    typer.Option(
        "--workers", metavar="N", callback=_workers, help="Processes that answer, or auto."
    ),
]
Isolation = Annotated[
    Literal["process", "thread"] | None,
    typer.Option("--isolation", help="Run models in processes of their own, or in threads."),
]
Http = Annotated[
    Literal["fast", "asgi"] | None,
    typer.Option("--http", help="The way of a prediction through the server."),
]
Gpu = Annotated[
    str | None,
    typer.Option("--gpu", metavar="[=0,1]", callback=_gpus, help="Run on GPUs: all, or these."),
]
Reload = Annotated[bool, typer.Option("--reload", help="Start again when a source file changes.")]
Explain = Annotated[bool, typer.Option("--explain", help="Say what was chosen, and why.")]


def serve(
    target: Target,
    port: Port = None,
    grpc_port: GrpcPort = None,
    host: Host = None,
    workers: Workers = None,
    isolation: Isolation = None,
    http: Http = None,
    gpu: Gpu = None,
    reload: Reload = False,
    explain: Explain = False,
    env: Env = "auto",
    trust: Trust = False,
    policy: Policy = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Serve a bundle, a saved model or a project directory.

    SIGHUP, or `bundle restart`, has it take over what the target then names, with no request lost.
    With --json one object is printed as soon as the server is ready; the access log, which is on
    stdout otherwise, then goes to stderr.

    Examples:

      bundle serve fraud

      bundle serve model:iris --port 9000

      bundle serve . --reload

      bundle serve fraud --gpu=0,1

      bundle serve fraud --policy only-ours.yaml
    """
    from ..bundler.serving import Wish
    from ..bundler.store import Store

    console = Console(json=json, quiet=quiet)
    options = _options({"--port": port, "--host": host, "--workers": workers, "--gpu": gpu})
    options += _options({"--isolation": isolation, "--http": http, "--grpc-port": grpc_port})
    options += ["--explain"] if explain else []
    wish = Wish(env, trust=trust, offline=offline, policy=policy)
    if reload:
        from . import reloading

        if json:
            # There would be one object for each start.
            raise typer.BadParameter("`--json` and `--reload` do not go together.")
        raise typer.Exit(reloading.serve(target, Store.default(), wish, options, console))
    from .keeper import Asked, Keeper

    raise typer.Exit(Keeper(Asked(target, Store.default(), wish, options), console).run())


def _options(given: dict[str, Any]) -> list[str]:
    return [f"{name}={value}" for name, value in given.items() if value is not None]
