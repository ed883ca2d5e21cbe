"""`bundle`: the commands, and the one place where an error becomes a message and an exit code."""

import os
import signal
import sys
from typing import NoReturn

from ..runtime.version import __version__

INTERRUPTED = 130
TERMINATED = 143
DEBUG = "BUNDLE_DEBUG"


def main() -> NoReturn:
    """Run the command line; `--version` is answered before anything heavy is imported."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        sys.stdout.write(f"bundle {__version__}\n")
        sys.exit(0)
    sys.exit(_run(arguments))


def _run(arguments: list[str]) -> int:
    from ..runtime.errors import BundleError
    from .console import Console

    console = Console()
    # Unwind instead of dying at once, so that staging directories go.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        return _invoke(arguments)
    except BundleError as error:
        _reraise_for_debug()
        console.error(str(error), error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        console.error("Interrupted; nothing half-done was left behind.")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has left (`| head`): it has what it wanted, and Python must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        _reraise_for_debug()
        where = f": `{error.filename}`" if error.filename else ""
        console.error(f"{error.strerror or error}{where}.")
        return 1
    except Exception as error:  # noqa: BLE001 - the last answer a person gets
        _reraise_for_debug()
        console.error(
            f"Something unforeseen happened: {type(error).__name__}: {error}",
            f"See where with `{DEBUG}=1 bundle ...`; this is a defect worth reporting.",
        )
        return 1


def _invoke(arguments: list[str]) -> int:
    """Run the Typer application without letting it exit by itself."""
    from click.exceptions import Abort, ClickException, Exit
    from typer.main import get_command

    from .app import create_app

    command = get_command(create_app())
    try:
        code = command.main(_spelled_out(arguments), prog_name="bundle", standalone_mode=False)
    except ClickException as error:
        error.show()
        return error.exit_code
    except Abort as error:
        raise KeyboardInterrupt from error
    except Exit as error:
        return error.exit_code
    return code if isinstance(code, int) else 0


def _spelled_out(arguments: list[str]) -> list[str]:
    """Give a bare `--gpu` its meaning: typer has no options whose value may be left out."""
    return ["--gpu=all" if argument == "--gpu" else argument for argument in arguments]


def _reraise_for_debug() -> None:
    if os.environ.get(DEBUG):
        raise  # noqa: PLE0704 - called from an except block only


if __name__ == "__main__":
    main()
