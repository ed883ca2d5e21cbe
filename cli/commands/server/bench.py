"""`bundle bench`: measures a server with its own samples, or compares two."""

from collections.abc import Sequence

import typer

from ...options.load import (  # fmt: skip
    Clients,
    Data,
    Rates,
    Remote,
    Rounds,
    Route,
    Rows,
    Seconds,
    Targets,
    Timeout,
)
from ...options.options import Env, Json, Offline, Quiet, Trust
from ...options.server import Gpu, Http, Isolation, Workers, given
from ...terminal.console import Console

_PAIR = 2
_SECONDS, _SECONDS_OF_TWO = 3.0, 1.0


def bench(
    targets: Targets,
    clients: Clients = "1,8,32,64",
    rate: Rates = None,
    rows: Rows = 1,
    seconds: Seconds = None,
    rounds: Rounds = 6,
    route: Route = None,
    data: Data = None,
    timeout: Timeout = 10.0,
    remote: Remote = False,
    workers: Workers = None,
    isolation: Isolation = None,
    http: Http = None,
    gpu: Gpu = None,
    env: Env = "auto",
    trust: Trust = False,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure a server with its samples, and recommend settings.

    With two targets both run at once and are asked in turns, A B B A; what is said of them is
    ratios, and whether they stand out from the noise.

    Examples:

      bundle bench fraud

      bundle bench fraud --clients 64 --rate 500,2000 --rows 16

      bundle bench fraud:1 fraud:2

      bundle bench http://127.0.0.1:8080
    """
    from ....bundler.benching.bench_plan import BenchPlan
    from ....bundler.serving.serving import LaunchOptions
    from .bench_session import BenchSession, request

    console = Console(json=json, quiet=quiet)
    is_pair = _is_pair(targets)
    rates = "none" if rate is None and is_pair else (rate or "50%,80%,120%")
    each = seconds or (_SECONDS_OF_TWO if is_pair else _SECONDS)
    plan = BenchPlan.parse(clients, rates, rows=rows, seconds=each, timeout=timeout, rounds=rounds)
    options = given(workers=workers, isolation=isolation, http=http, gpu=gpu)
    where = LaunchOptions(env, trust=trust, offline=offline, on_gpu=gpu is not None)
    body = request(data, console) if data else None
    session = BenchSession(console, where, options, route=route, body=body, remote=remote)
    session.measure(targets, plan)


def _is_pair(targets: Sequence[str]) -> bool:
    if len(targets) > _PAIR:
        raise typer.BadParameter("There are at most two targets.", param_hint="TARGET")
    return len(targets) == _PAIR
