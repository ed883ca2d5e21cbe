"""`bundle`: the entry point, and the one place that turns errors into messages and exit codes."""

import errno
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from ..runtime.version import __version__
from . import text_mode

if TYPE_CHECKING:
    from ..runtime.errors import BundleError

DEBUG = "BUNDLE_DEBUG"
_ROOM = "Make room in the store (`bundle gc`) and where temporary files are kept (`TMPDIR`)."
_AGAIN = 0.02  # seconds
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(KeyboardInterrupt):
    """A signal asks the process to end; an exception, so that files and children are cleaned up."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main() -> NoReturn:
    """Run the command line; `--version` is answered before anything heavy is imported."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]) and _says_version():
        sys.exit(0)
    text_mode.settle()
    try:
        sys.unraisablehook = _unheard
        _listen(_end)
        code = _run(arguments)
        _listen(signal.SIG_IGN)  # it is done; what is left is to leave in order
    except KeyboardInterrupt as error:
        _listen(signal.SIG_IGN)  # an impatient second Ctrl-C must not become a traceback
        code = _ended(error, arguments)
    sys.exit(code)


def _says_version() -> bool:
    """Whether that could be written; if not, the command says why, as all others do."""
    try:
        # Not through its buffer: what is left there after an error fails again at the next flush.
        os.write(sys.stdout.fileno(), f"bundle {__version__}\n".encode())
    except (AttributeError, OSError):  # stdout was closed before the start, or is full
        return False
    return True


def _run(arguments: list[str]) -> int:
    from ..runtime.errors import BundleError
    from .invocation import invoke
    from .terminal import streams
    from .terminal.console import Console

    streams.prepare()
    try:
        return invoke(arguments)
    except BrokenPipeError:
        # The reader has left (`| head`): it has what it wanted, and Python must not complain.
        streams.abandon(sys.stdout)
        return 0
    except Exception as error:  # the last answer a person gets
        if os.environ.get(DEBUG):
            raise
        failure = error if isinstance(error, BundleError) else _unforeseen(error)
        Console(json=_wants_json(arguments)).failure(failure)
        streams.flush_or_abandon(sys.stdout)
        return failure.exit_code


def _unforeseen(error: Exception) -> "BundleError":
    """What no part of ours has put into words."""
    from ..runtime.errors import BundleError

    if isinstance(error, FileNotFoundError) and not error.filename and _is_nowhere():
        return BundleError("The working directory is gone.", hint="Go to another one with `cd`.")
    if isinstance(error, OSError):
        where = f": `{error.filename}`" if error.filename else ""
        hint = _ROOM if error.errno in {errno.ENOSPC, errno.EDQUOT} else None
        return BundleError(f"{error.strerror or error}{where}.", hint=hint)
    if isinstance(error, MemoryError):
        return BundleError("There is not enough memory.")
    return BundleError(
        f"Something unforeseen happened: {type(error).__name__}: {error}",
        hint=f"See where with `{DEBUG}=1 bundle ...`; this is a defect worth reporting.",
    )


def _is_nowhere() -> bool:
    try:
        os.getcwd()  # noqa: PTH109  pathlib is not imported before it is needed
    except FileNotFoundError:
        return True
    return False


def _ended(error: KeyboardInterrupt, arguments: list[str]) -> int:
    from ..runtime.errors import BundleError
    from .terminal.console import Console

    number = error.number if isinstance(error, Ended) else signal.SIGINT
    verb = "Interrupted" if number == signal.SIGINT else "Terminated"
    failure = BundleError(f"{verb}; nothing half-done was left behind.")
    failure.exit_code = 128 + number
    Console(json=_wants_json(arguments)).failure(failure)
    return failure.exit_code


def _end(number: int, _: object) -> NoReturn:
    raise Ended(number)


def _unheard(lost: "sys.UnraisableHookArgs") -> None:
    """A signal came where Python drops what is raised (`__del__`, a fork): it comes again."""
    if isinstance(lost.exc_value, Ended):
        from threading import Timer

        again = Timer(_AGAIN, os.kill, (os.getpid(), lost.exc_value.number))
        again.daemon = True
        again.start()
    else:
        sys.__unraisablehook__(lost)


def _listen(handler: "signal._HANDLER") -> None:
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup`, or `&` in a script
            signal.signal(number, handler)


def _wants_json(arguments: list[str]) -> bool:
    return "--json" in arguments


if __name__ == "__main__":
    main()
