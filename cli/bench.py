"""`bundle bench`: a server under load, with its own samples; or two of them, in turns."""

from typing import Annotated

import typer

from .completion import any_tags
from .console import Console
from .options import Env, Json, Offline, Quiet, Trust
from .serve import Gpu, Http, Isolation, Workers

_TOO_MANY = 2
_SECONDS, _SECONDS_OF_TWO = 3.0, 1.0


def _clients(text: str) -> str:
    from ..bundler.benching.load import MOST_CLIENTS

    if text == "none" or all(
        part.isdecimal() and 0 < int(part) <= MOST_CLIENTS for part in text.split(",")
    ):
        return text
    raise typer.BadParameter(f"{text!r} is not a list such as 1,8,64.")


def _rates(text: str | None) -> str | None:
    from ..bundler.benching.rate import Rate

    try:
        for part in [] if text in {None, "none"} else str(text).split(","):
            Rate.parse(part)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a list such as 50%,80% or 500,1000.") from None
    return text


Targets = Annotated[
    list[str],
    typer.Argument(
        metavar="TARGET [OTHER]",
        help="A tag, a project, a bundle's directory or the URL of a server on this machine.",
        autocompletion=any_tags,
    ),
]
Clients = Annotated[
    str,
    typer.Option(
        "--clients",
        metavar="N,N,...",
        callback=_clients,
        help="Clients of the closed loops, or none.",
    ),
]
Rates = Annotated[
    str | None,
    typer.Option(
        "--rate",
        metavar="R,R,...",
        callback=_rates,
        help="Requests/s of the open loops, or N% of the capacity, or none; "
        "default: 50%,80%,120%, none for two targets.",
    ),
]
Rows = Annotated[
    int, typer.Option("--rows", min=1, max=4096, metavar="N", help="Rows in each request.")
]
Seconds = Annotated[
    float | None,
    typer.Option(
        "--seconds",
        min=0.1,
        max=3600,
        metavar="SECONDS",
        help="Length of each round; default: 3, 1 for two targets.",
    ),
]
Rounds = Annotated[
    int,
    typer.Option(
        "--rounds", min=1, max=100, metavar="N", help="Rounds of each load, for two targets."
    ),
]
Route = Annotated[
    str | None,
    typer.Option("--route", metavar="PATH", help="Route to ask; default: predict, or the first."),
]
Data = Annotated[
    str | None,
    typer.Option("--data", "-d", metavar="FILE|-", help="A body, where no samples are recorded."),
]
Timeout = Annotated[
    float,
    typer.Option(
        "--timeout", min=0.01, max=600, metavar="SECONDS", help="How long a client waits."
    ),
]
Remote = Annotated[
    bool, typer.Option("--remote", help="The URL may be of another machine: it is yours to load.")
]


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
    """Measure a server with its own recorded samples, and say what to set.

    With two targets both run at once and are asked in turns, A B B A; what is said of them is
    ratios, and whether they stand out from the noise.

    Examples:

      bundle bench fraud

      bundle bench fraud --clients 64 --rate 500,2000 --rows 16

      bundle bench fraud:1 fraud:2

      bundle bench http://127.0.0.1:8080
    """
    from ..bundler.benching.rate import Rate
    from ..bundler.benching.wish import Wish
    from ..bundler.serving import Wish as Where
    from .stand import Stand, question

    console = Console(json=json, quiet=quiet)
    is_duel = len(targets) == _TOO_MANY
    if len(targets) > _TOO_MANY:
        raise typer.BadParameter("There are at most two targets.", param_hint="TARGET")
    asked = "none" if rate is None and is_duel else (rate or "50%,80%,120%")
    wish = Wish(
        clients=() if clients == "none" else tuple(map(int, clients.split(","))),
        rates=() if asked == "none" else tuple(map(Rate.parse, asked.split(","))),
        rows=rows,
        seconds=seconds or (_SECONDS_OF_TWO if is_duel else _SECONDS),
        timeout=timeout,
        rounds=rounds,
    )
    given = {"--workers": workers, "--isolation": isolation, "--http": http, "--gpu": gpu}
    stand = Stand(
        console,
        Where(env, trust=trust, offline=offline),
        [f"{name}={value}" for name, value in given.items() if value is not None],
        route=route,
        body=question(data, console) if data else None,
        remote=remote,
    )
    stand.measure(targets, wish)
