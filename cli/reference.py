"""Generates docs/cli.md: `python -m modelbundle.cli.reference`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .command import SECTIONS, arguments

if TYPE_CHECKING:
    from click import Command, Context, Group

PATH = Path(__file__).parents[1] / "docs" / "cli.md"
BEGIN, END = "<!-- commands: begin -->\n", "<!-- commands: end -->\n"
EVERYWHERE = frozenset({"json", "quiet", "help"})
_EXAMPLES = re.compile(r"\n+ *Examples?:\n")


def commands() -> str:
    """Every command with its usage, examples, arguments and options."""
    from click import Context
    from typer.main import get_command

    from .app import create_app

    root: Group = get_command(create_app())  # type: ignore[assignment]
    top = Context(root, info_name="bundle")
    found: list[str] = []
    for section, names in SECTIONS.items():
        found += [f"## {section}", ""]
        for name in names:
            found += _command(root.commands[name], name, top)
    return "\n".join(found)


def page(text: str) -> str:
    """`text` with the commands between its two marks brought up to date."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{commands()}\n{END}{after}"


def _command(command: "Command", name: str, parent: "Context") -> Iterator[str]:
    from click import Context

    context = Context(command, info_name=name, parent=parent)
    below: dict[str, Command] = getattr(command, "commands", {})
    for verb, inner in below.items():
        yield from _command(inner, verb, context)
    if below:
        return
    about, examples = _parts(command.help or "")
    yield f"### `{context.command_path}`"
    yield ""
    yield from (about, "")
    yield from ("```console", *(f"$ {line}" for line in examples), "```", "")
    usage = " ".join(command.collect_usage_pieces(context))
    yield from (f"Usage: `{context.command_path} {usage}`", "")
    yield from _table(command, context)


def _parts(text: str) -> tuple[str, list[str]]:
    """What the command does, and its examples."""
    about, *rest = _EXAMPLES.split(text, maxsplit=1)
    lines = [line.strip() for part in rest for line in part.splitlines()]
    return about.strip(), [line for line in lines if line]


def _table(command: "Command", context: "Context") -> Iterator[str]:
    rows = [(param.make_metavar(ctx=context), text) for param, text in arguments(command)]
    rows += [
        param.get_help_record(context) or (str(param.name), "")
        for param in command.params
        if param.param_type_name == "option" and param.name not in EVERYWHERE
    ]
    if rows:
        yield from ("| | |", "|---|---|")
        yield from (f"| `{_cell(name)}` | {_cell(text)} |" for name, text in rows)
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("  [", " [")


def main() -> None:
    """Write the page."""
    PATH.write_text(page(PATH.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
