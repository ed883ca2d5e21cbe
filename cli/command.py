"""Command and Group: typer's, with complete help and our own error messages."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from click.exceptions import UsageError
from typer.core import TyperArgument, TyperCommand, TyperGroup

from .help_formatter import HelpContext
from .terminal.console import Console
from .usage import unknown_command

if TYPE_CHECKING:
    from click import Command as ClickCommand
    from click import Context, HelpFormatter, Option, Parameter

SECTIONS: Mapping[str, Sequence[str]] = {
    "From a model to a service": ("save", "build", "serve", "containerize"),
    "Project": ("init", "lock", "vendor", "test", "schema"),
    "Server": ("predict", "restart", "bench", "client"),
    "Store": ("list", "show", "diff", "delete", "models", "du", "gc"),
    "Trust": ("verify", "sign", "sbom", "trust"),
    "Transfer": ("push", "pull", "export", "import"),
    "Machine": ("doctor",),
}


class WrittenHelp:
    """Writes its help as every other result is written, also to a stdout that is full."""

    def get_help_option(self, ctx: "Context") -> "Option | None":
        """The option `--help`."""
        option: Option | None = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.callback = _write_help
        return option


class Command(WrittenHelp, TyperCommand):
    """A command whose positional arguments are described in its help.

    click 8.5 has a `help` of its own on arguments, which empties the one that typer 0.24 has set.
    """

    context_class = HelpContext

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """Read the arguments; an error knows which command it is about."""
        try:
            return super().parse_args(ctx, args)
        except UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the arguments and the options."""
        for argument, text in arguments(self):
            argument.help = text
        super().format_options(ctx, formatter)


class Group(WrittenHelp, TyperGroup):
    """A command of commands, in the order in which a person meets them."""

    context_class = HelpContext

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """Read the arguments; where there are none, the help is the answer, and exit code 2."""
        if not args and not ctx.resilient_parsing:
            sys.stderr.write(ctx.get_help() + "\n")
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: "Context", args: list[str]
    ) -> "tuple[str | None, ClickCommand | None, list[str]]":
        """Find the command that `args` begin with.

        Raises:
            WrongUsage: when there is none; the hint names the nearest.
        """
        if self.get_command(ctx, args[0]) is None:
            raise unknown_command(args[0], self.commands, ctx.command_path)
        return super().resolve_command(ctx, args)


class Root(Group):
    """`bundle`: its help lists the commands by subject."""

    def list_commands(self, ctx: "Context") -> list[str]:  # noqa: ARG002
        """Every name, section by section."""
        return [name for names in SECTIONS.values() for name in names]

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the sections, with one column for all of them."""
        width = max(map(len, self.list_commands(ctx)))
        for section, names in SECTIONS.items():
            found = [(name.ljust(width), self.commands[name]) for name in names]
            with formatter.section(section):
                formatter.write_dl([(name, one.get_short_help_str(80)) for name, one in found])


def _write_help(ctx: "Context", _: "Parameter", wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        Console().write(ctx.get_help())
        ctx.exit()


def arguments(command: "ClickCommand") -> list[tuple[TyperArgument, str]]:
    """The arguments of a command with their help, as the annotations of its function say it."""
    from typer.utils import get_params_from_function

    written: Any = getattr(command.callback, "__wrapped__", command.callback)
    infos = get_params_from_function(written)
    return [
        (param, getattr(infos[str(param.name)].default, "help", None) or "")
        for param in command.params
        if isinstance(param, TyperArgument)
    ]
