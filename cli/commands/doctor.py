"""`bundle doctor`: checks what this machine has and lacks."""

from typing import Annotated, Any

from typer import Option

from ..options.options import Json, Quiet
from ..terminal.console import Console
from ..terminal.failed import Failed

Network = Annotated[bool, Option("--network", help="Ask the package index, too.")]


def doctor(network: Network = False, json: Json = False, quiet: Quiet = False) -> None:
    """Check whether this machine has what is needed.

    Examples:

      bundle doctor

      bundle doctor --json
    """
    from dataclasses import asdict

    from ...bundler.doctor import examine

    console = Console(json=json, quiet=quiet)
    findings = examine(network=network)
    rows = [(f.name, f.state, f.detail) for f in findings]
    data: dict[str, Any] = {"ok": all(f.state != "error" for f in findings)}
    data |= {"findings": [asdict(f) for f in findings]}
    if data["ok"] or not json:
        console.table(data, ("CHECK", "STATE", "DETAIL"), rows)
    for finding in findings:
        if finding.hint:
            console.talk(f"hint: {finding.name}: {finding.hint}", "hint")
    if not data["ok"]:
        raise Failed("This machine lacks something that every command needs.", data)
