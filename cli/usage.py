"""Errors of the command line's usage, in the form of all other errors."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from click.exceptions import (
    BadParameter,
    ClickException,
    MissingParameter,
    NoSuchOption,
    UsageError,
)

from ..runtime.errors import BundleError

if TYPE_CHECKING:
    from click import Context, Parameter

_EXTRA = re.compile(r"Got unexpected extra arguments? \((.*)\)", re.DOTALL)
_NUMBERS = (
    (re.compile(r"a valid integer( range)?"), "a whole number"),
    (re.compile(r"a valid float( range)?"), "a number"),
    (re.compile(r"in the range (\S+)<=x<=(\S+?)\.?$"), r"from \1 to \2"),
    (re.compile(r"in the range x>=(\S+?)\.?$"), r"\1 or more"),
)
_QUOTED = re.compile(r"'([^'`]*)'")
_SYNONYMS = {
    "containerise": "containerize",
    "docker": "containerize",
    "image": "containerize",
    "ls": "list",
    "new": "init",
    "package": "build",
    "ps": "list",
    "remove": "delete",
    "rm": "delete",
    "run": "serve",
    "start": "serve",
    "validate": "verify",
}


class WrongUsage(BundleError):
    """The command line is not one of ours."""

    exit_code = 2


def unknown_command(name: str, known: Iterable[str], path: str) -> WrongUsage:
    """There is no such command below `path`; say which was meant."""
    if name in {"help", "version"}:
        return WrongUsage(f"There is no command `{path} {name}`.", hint=f"Type `bundle --{name}`.")
    names = list(known)
    near = [_SYNONYMS[name]] if _SYNONYMS.get(name) in names else get_close_matches(name, names, 1)
    hint = f"Did you mean `{path} {near[0]}`?" if near else f"See `{path} --help`."
    return WrongUsage(f"There is no command `{path} {name}`.", hint=hint)


def explain(error: ClickException) -> WrongUsage:
    """Put one of click's errors into our words."""
    context = error.ctx if isinstance(error, UsageError) else None
    path = context.command_path if context else "bundle"
    hint: str | None = f"See `{path} --help`."
    if isinstance(error, NoSuchOption):
        return WrongUsage(f"`{path}` has no option `{error.option_name}`.", hint=_near(error, path))
    if isinstance(error, MissingParameter) and error.param:
        return WrongUsage(f"`{path}` needs {_name(error.param, context)}.", hint=_usage(context))
    if isinstance(error, BadParameter):
        return WrongUsage(_value(error, context), hint=hint)
    if extra := _EXTRA.match(error.message):
        hint = _instead(extra[1], context) or _usage(context)
        return WrongUsage(f"`{path}` does not take `{extra[1]}` as well.", hint=hint)
    return WrongUsage(_in_backticks(error.format_message()), hint=hint)


def _instead(extra: str, context: "Context | None") -> str | None:
    """The option that a file belongs to, where the command reads one."""
    if context is None or "--data" not in _options(context):
        return None
    return f"Did you mean `--data {extra.split(' ', maxsplit=1)[0]}`?"


def _near(error: NoSuchOption, path: str) -> str:
    known = [] if error.ctx is None else _options(error.ctx)
    is_group = error.ctx is not None and hasattr(error.ctx.command, "commands")
    if near := get_close_matches(error.option_name, known, 1, cutoff=0.75 if is_group else 0.6):
        return f"Did you mean `{near[0]}`?"
    if is_group:
        return f"Options stand behind the command, as in `{path} list --json`."
    return f"See `{path} --help`."


def _options(context: "Context") -> list[str]:
    return [name for param in context.command.get_params(context) for name in param.opts]


def _value(error: BadParameter, context: "Context | None") -> str:
    message: str = error.message
    for theirs, ours in _NUMBERS:
        message = theirs.sub(ours, message)
    message = _in_backticks(message[:1].upper() + message[1:]).rstrip(".")
    name = error.param_hint if isinstance(error.param_hint, str) else None
    if name is None and error.param is not None:
        name = _name(error.param, context)
    return f"{name}: {message}." if name else f"{message}."


def _name(param: "Parameter", context: "Context | None") -> str:
    if param.param_type_name == "option":
        return f"`{max(param.opts, key=len)}`"
    return f"`{param.make_metavar(ctx=context)}`" if context else str(param.name)


def _usage(context: "Context | None") -> str | None:
    if context is None:
        return None
    pieces = " ".join(context.command.collect_usage_pieces(context))
    return f"Type `{context.command_path} {pieces}`; see `{context.command_path} --help`."


def _in_backticks(text: str) -> str:
    return _QUOTED.sub(r"`\1`", text)
