"""Options of a server, for `bundle serve` and for the servers that `bundle bench` starts."""

import re
from typing import Annotated, Any, Literal

import typer
from typer import Option

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
    Option("--port", "-p", min=0, max=65535, metavar="PORT", help="Port; 0 takes any free one."),
]
GrpcPort = Annotated[
    int | None,
    Option(
        "--grpc-port",
        min=0,
        max=65535,
        metavar="PORT",
        help="Port of gRPC, where it is spoken; 0 takes any free one.",
    ),
]
Host = Annotated[
    str | None, Option("--host", metavar="ADDRESS", help="Address; default: 127.0.0.1.")
]
Workers = Annotated[
    str | None,
    Option("--workers", metavar="N", callback=_workers, help="Processes that answer, or `auto`."),
]
Isolation = Annotated[
    Literal["process", "thread"] | None,
    Option("--isolation", help="Run models in processes of their own, or in threads."),
]
Http = Annotated[
    Literal["fast", "asgi"] | None,
    Option("--http", help="Answer predictions without ASGI (fast), or with it."),
]
Gpu = Annotated[
    str | None,
    Option("--gpu", metavar="[=0,1]", callback=_gpus, help="Run on GPUs: all, or these."),
]


def given(**values: Any) -> list[str]:
    """Those that were given, as a server takes them: `grpc_port=0` becomes `--grpc-port=0`."""
    return [
        f"--{name.replace('_', '-')}={value}" for name, value in values.items() if value is not None
    ]
