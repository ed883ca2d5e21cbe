"""Options of a load: clients or rate, inputs, duration."""

from typing import Annotated

import typer
from typer import Argument, Option

from .completion import any_tags


def _clients(text: str) -> str:
    from ...bundler.benching.generator.load import MOST_CLIENTS

    if text == "none" or all(
        part.isdecimal() and 0 < int(part) <= MOST_CLIENTS for part in text.split(",")
    ):
        return text
    raise typer.BadParameter(f"{text!r} is not a list such as 1,8,64.")


def _rates(text: str | None) -> str | None:
    from ...bundler.benching.rate import Rate

    try:
        for part in [] if text in {None, "none"} else str(text).split(","):
            Rate.parse(part)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a list such as 50%,80% or 500,1000.") from None
    return text


Targets = Annotated[
    list[str],
    Argument(
        metavar="TARGET [OTHER]",
        help="A tag, a project, a bundle's directory or the URL of a server on this machine.",
        autocompletion=any_tags,
    ),
]
Clients = Annotated[
    str,
    Option(
        "--clients",
        metavar="N,N,...",
        callback=_clients,
        help="Clients of the closed loops, or none.",
    ),
]
Rates = Annotated[
    str | None,
    Option(
        "--rate",
        metavar="R,R,...",
        callback=_rates,
        help="Requests/s of the open loops, or N% of the capacity, or none; "
        "default: 50%,80%,120%, none for two targets.",
    ),
]
Rows = Annotated[int, Option("--rows", min=1, max=4096, metavar="N", help="Rows in each request.")]
Seconds = Annotated[
    float | None,
    Option(
        "--seconds",
        min=0.1,
        max=3600,
        metavar="SECONDS",
        help="Length of each round; default: 3, 1 for two targets.",
    ),
]
Rounds = Annotated[
    int,
    Option("--rounds", min=1, max=100, metavar="N", help="Rounds of each load, for two targets."),
]
Route = Annotated[
    str | None,
    Option("--route", metavar="PATH", help="Route to ask; default: predict, or the first."),
]
Data = Annotated[
    str | None,
    Option("--data", "-d", metavar="FILE|-", help="A body, where no samples are recorded."),
]
Timeout = Annotated[
    float,
    Option("--timeout", min=0.01, max=600, metavar="SECONDS", help="How long a client waits."),
]
Remote = Annotated[
    bool, Option("--remote", help="Allow a URL of another machine, which you may put under load.")
]
