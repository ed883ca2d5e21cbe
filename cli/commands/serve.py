"""`bundle serve`: serves a bundle, a model or a project over HTTP."""

from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from ..options.options import Env, Json, Offline, Policy, Quiet, Target, Trust
from ..options.server import Gpu, GrpcPort, Host, Http, Isolation, Port, Workers, given
from ..terminal.console import Console

if TYPE_CHECKING:
    from ...bundler.serving.serving import LaunchOptions

Reload = Annotated[bool, Option("--reload", help="Start again when a source file changes.")]
Explain = Annotated[bool, Option("--explain", help="Print what was chosen, and why.")]


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
    """Serve a bundle, a saved model, a project or a service class.

    `module:Class` is a class below the working directory; it needs no bundlefile.
    After SIGHUP or `bundle restart` it serves what the target then names; no request is lost.
    With --json it prints one object when it is ready, and its access log goes to stderr, not to
    stdout.

    Examples:

      bundle serve fraud

      bundle serve model:iris --port 9000

      bundle serve . --reload

      bundle serve service:Fraud

      bundle serve fraud --gpu=0,1

      bundle serve fraud --policy only-ours.yaml
    """
    from ...bundler.serving.serving import LaunchOptions

    console = Console(json=json, quiet=quiet)
    options = given(port=port, host=host, workers=workers, gpu=gpu, isolation=isolation, http=http)
    options += given(grpc_port=grpc_port) + (["--explain"] if explain else [])
    launch_options = LaunchOptions(env, trust, offline, policy, on_gpu=gpu is not None)
    raise typer.Exit(_run(target, launch_options, options, console, reload=reload))


def _run(
    target: str,
    launch_options: "LaunchOptions",
    options: list[str],
    console: Console,
    *,
    reload: bool,
) -> int:
    from ...bundler.store import Store

    store = Store.default()
    if reload:
        from ..serving import reloading

        return reloading.serve(target, store, launch_options, options, console)
    from ..serving.serve_supervisor import ServeRequest, ServeSupervisor

    return ServeSupervisor(ServeRequest(target, store, launch_options, options), console).run()
