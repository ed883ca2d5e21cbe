"""`bundle client`: a typed Python client of a bundle, a model or a server, as one file."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from ...options.completion import any_tags
from ...options.options import Json, Quiet
from ...terminal import output_file
from ...terminal.console import Console

Target = Annotated[
    str,
    Argument(metavar="TARGET", help="A tag, or a running server's URL.", autocompletion=any_tags),
]
Output = Annotated[
    Path | None, Option("--output", "-o", metavar="FILE", help="Write it there, not to stdout.")
]


def client(target: Target, output: Output = None, json: Json = False, quiet: Quiet = False) -> None:
    """Write a typed Python client: one class, one method a route.

    It needs the standard library and NumPy, and nothing of ours.

    Examples:

      bundle client iris -o iris_client.py

      bundle client http://127.0.0.1:8080 > client.py
    """
    from ....bundler.client.source import contract_of
    from ....bundler.client.stub import generate

    console = Console(json=json, quiet=quiet)
    contract = contract_of(target)
    text = generate(contract.contract)
    if output is not None:
        output_file.write(output, text.encode())
    facts = {
        "tag": contract.tag,
        "digest": contract.digest,
        "routes": list(contract.contract.routes),
        "output": None if output is None else str(output),
    }
    if output is None:
        console.result(facts | {"source": text}, text.rstrip("\n"))
    else:
        console.result(facts, f"Wrote the client of `{target}` to `{output}`.")
