"""Options of the server's command line; `--help` imports nothing else."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Options:
    """The given options; None for those that were not given.

    gpus       indices of GPUs; empty = all of them; None = run on the CPU
    dialects   the enabled dialects, as `server.py` spells them
    """

    directory: Path
    host: str | None = None
    port: int | None = None
    grpc_port: int | None = None
    workers: Literal["auto"] | int | None = None
    isolation: Literal["process", "thread"] | None = None
    http: Literal["fast", "asgi"] | None = None
    gpus: tuple[int, ...] | None = None
    trust: bool = False
    explain: bool = False
    dialects: tuple[str, ...] | None = None

    @classmethod
    def parse(cls, arguments: Sequence[str] | None, directory: Path | None) -> "Options":
        """Parse the command line; with `directory` it names none. Exits with 2 on errors."""
        parser = argparse.ArgumentParser(
            prog="server.py" if directory else "python -m modelbundle.runtime",
            description="Serve this bundle over HTTP."
            if directory
            else "Serve a bundle over HTTP.",
        )
        if directory is None:
            parser.add_argument("directory", nargs="?", type=Path, default=Path(), metavar="DIR")
        # SageMaker runs an image with this one word.
        parser.add_argument("verb", nargs="?", choices=("serve",), help=argparse.SUPPRESS)
        _add_options(parser)
        given = parser.parse_args(arguments)
        return cls(
            directory=directory or given.directory,
            host=given.host,
            port=given.port,
            grpc_port=given.grpc_port,
            workers=given.workers,
            isolation=given.isolation,
            http=given.http,
            gpus=given.gpu,
            trust=given.trust,
            explain=given.explain,
        )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (127.0.0.1; in a container 0.0.0.0)")
    parser.add_argument("--port", type=_port, help="port (then $PORT, the bundle's, 8080); 0 = any")
    parser.add_argument(
        "--grpc-port", type=_port, help="port of gRPC, if spoken (the bundle's, 8081); 0 = any"
    )
    parser.add_argument("--workers", type=_workers, help="processes that answer, or auto")
    parser.add_argument(
        "--isolation", choices=("process", "thread"), help="where models run (process)"
    )
    parser.add_argument(
        "--http", choices=("fast", "asgi"), help="the way of a prediction through the server (fast)"
    )
    parser.add_argument(
        "--gpu",
        nargs="?",
        type=_gpus,
        const=(),
        metavar="0,1",
        help="run on all GPUs, or on these; one process each",
    )
    parser.add_argument("--trust", action="store_true", help="run the code in this bundle")
    parser.add_argument("--explain", action="store_true", help="say what was chosen, and why")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def _workers(text: str) -> Literal["auto"] | int:
    if text == "auto":
        return "auto"
    if not text.isdecimal() or not 0 < int(text) <= 1024:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes")
    return int(text)


def _gpus(text: str) -> tuple[int, ...]:
    if text in {"", "all"}:
        return ()
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list such as 0,1") from None
