"""Runs a command with given arguments, with our own errors instead of click's."""

import os
import re
import sys
import warnings
from contextlib import suppress
from pathlib import Path

_ALL_GPUS = "--gpu=all"
_GPUS = re.compile(r"\d{1,3}(,\d{1,3})*")
PROGRAMS = ("bundle", "modelbundle")


def invoke(arguments: list[str]) -> int:
    """Run the command that `arguments` name; its exit code.

    Raises:
        BundleError: of the command, or `WrongUsage` for invalid arguments.
    """
    from click.exceptions import Abort, ClickException, Exit

    with warnings.catch_warnings():  # typer's, of what it imports; PYTHONWARNINGS may say "error"
        warnings.simplefilter("ignore")
        from typer.main import get_command

    from ..runtime.errors import BundleError
    from .app import create_app
    from .usage import explain

    name = _name()
    if os.environ.get(f"_{name.upper()}_COMPLETE"):
        from .options import bash_words

        command = get_command(create_app())
        bash_words.install()
        with suppress(BundleError):  # a word before is wrong; it would stand in the prompt
            command.main(arguments, prog_name=name)  # a shell asks; this exits
        return 0
    command = get_command(create_app(arguments[0] if arguments else None))
    try:
        with command.make_context(name, _spelled_out(arguments)) as context:
            command.invoke(context)
    except Exit as stop:
        return stop.exit_code
    except Abort as error:
        raise KeyboardInterrupt from error
    except ClickException as error:
        raise explain(error) from error
    return 0


def _name() -> str:
    """What we were called by: completion scripts and help speak of that name."""
    called = Path(sys.argv[0]).name
    return called if called in PROGRAMS else PROGRAMS[0]


def _spelled_out(arguments: list[str]) -> list[str]:
    """Give `--gpu` its meaning: typer has no options whose value may be left out."""
    found: list[str] = []
    for argument in arguments:
        if found and found[-1] == _ALL_GPUS and _GPUS.fullmatch(argument):
            found[-1] = f"--gpu={argument}"  # a tag of digits alone is one behind `--gpu=all`
        else:
            found.append(_ALL_GPUS if argument == "--gpu" else argument)
    return found
