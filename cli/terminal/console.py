"""Console: the only writer to the terminal: results to stdout, messages to stderr."""

import json as jsonlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ...bundler.progress import SILENT, Meter
from ...bundler.untrusted.quotation import shortened
from ...runtime.errors import BundleError
from . import streams

_STYLES = {"error": "1;31", "hint": "36", "next": "36", "warning": "33", "step": "2"}


class Console:
    """Prints for a person, for a program (`--json`), or almost nothing (`-q`)."""

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json = json
        self.quiet = quiet

    def result(
        self, data: Mapping[str, Any], text: str = "", *, next_command: str | None = None
    ) -> None:
        """Say the result: `data` with `--json`, else `text` on stdout and the next command."""
        if self.json:
            ascii_only = not streams.takes_any_text(streams.Results.stream())
            self.write(unmoving(jsonlib.dumps(data, ensure_ascii=ascii_only, default=str)))
            return
        self.text(text)
        if next_command:
            self.talk(f"next: {next_command}", "next")

    def text(self, text: str) -> None:
        """Write lines for a person to stdout; with `--json` nothing."""
        if text and not self.json:
            self.write(printable(text))

    def table(
        self, data: Mapping[str, Any], columns: Sequence[str], rows: Sequence[Sequence[str]]
    ) -> None:
        """Say a table: `data` with `--json`, else aligned columns on stdout."""
        if self.json:
            self.result(data)
        elif rows:
            from . import table

            safe = [[printable(cell).replace("\n", " ") for cell in row] for row in rows]
            self.write("\n".join(table.lines(columns, safe, _columns(streams.Results.stream()))))

    def step(self, text: str) -> None:
        """Say what is being worked on."""
        self.talk(text, "step")

    def warning(self, text: str) -> None:
        """Say what is not as it should be, and does not stop us."""
        self.talk(f"warning: {text}", "warning", even_quiet=True)

    def failure(self, error: BundleError) -> None:
        """Say what went wrong and what mends it; with `--json` on stdout, too, as one object."""
        message, hint = shortened(str(error)), shortened(error.hint or "") or None
        self.error(message, hint)
        if self.json:
            head = {"error": message, "hint": hint, "exit_code": error.exit_code}
            self.result(head | dict(_shortened(error.details())))

    def error(self, message: str, hint: str | None = None) -> None:
        """Say what went wrong and the command that mends it."""
        self.talk(f"error: {message}", "error", even_quiet=True)
        if hint:
            self.talk(f"hint: {hint}", "hint", even_quiet=True)

    def talk(self, text: str, style: str = "", *, even_quiet: bool = False) -> None:
        """Write a line to stderr; its first word carries the color where color is wanted."""
        if self.quiet and not even_quiet:
            return
        line = printable(text)
        if style and _has_color(sys.stderr):
            line = _colored(line, style)
        try:
            _write(sys.stderr, line)
        except OSError:
            streams.abandon(sys.stderr)  # nobody listens to the talk; the work goes on

    def write(self, text: str) -> None:
        """Write a line to stdout, exactly as it is.

        Raises:
            BundleError: when it cannot be written, for example to a full disk.
        """
        with _written_to(streams.Results.stream()) as stream:
            stream.write(text + "\n")

    def write_bytes(self, data: bytes) -> None:
        """Write bytes to stdout, exactly as they are; raises as `write` does."""
        with _written_to(streams.Results.stream()) as stream:
            stream.buffer.write(data)

    def meter(self, text: str, total: int, unit: str = "bytes") -> AbstractContextManager[Meter]:
        """A progress bar on a terminal, else nothing."""
        if self.quiet or total <= 0 or not sys.stderr.isatty():
            return SILENT.meter(text, total, unit)
        from . import bar

        return bar.shown(printable(text), total, unit, color=_has_color(sys.stderr))


@contextmanager
def _written_to(stream: Any) -> Iterator[Any]:
    """All that the block writes has arrived when it ends."""
    try:
        yield stream
        stream.flush()
    except BrokenPipeError:
        streams.abandon(stream)  # the reader (`| head`) has what it wanted
    except OSError as error:
        streams.abandon(stream)
        raise BundleError(f"The result cannot be written: {error.strerror}.") from error


def printable(text: str) -> str:
    """Replace control characters, so that a stored name cannot drive the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else _escaped(c) for c in text)


def unmoving(json: str) -> str:
    r"""JSON with what could drive the terminal written as `\uXXXX`, which means the same."""
    if json.isprintable():
        return json
    return "".join(c if c.isprintable() or c in "\n\t" else jsonlib.dumps(c)[1:-1] for c in json)


def _shortened(value: Any) -> Any:
    """The same value with every text in it cut to a readable length."""
    if isinstance(value, str):
        return shortened(value)
    if isinstance(value, Mapping):
        return {key: _shortened(one) for key, one in value.items()}
    return [_shortened(one) for one in value] if isinstance(value, (list, tuple)) else value


def _escaped(char: str) -> str:
    return repr(char)[1:-1]


def _columns(stream: Any) -> int | None:
    """How wide a terminal is; without one a table is not folded: a pipe has no width."""
    if not stream.isatty():
        return None
    from shutil import get_terminal_size

    return get_terminal_size().columns


def _has_color(stream: Any) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"


def _colored(line: str, style: str) -> str:
    start = f"\x1b[{_STYLES[style]}m"
    head, colon, rest = line.partition(": ")
    if colon and head == style:
        return f"{start}{head}:\x1b[0m {rest}"
    return f"{start}{line}\x1b[0m"


def _write(stream: Any, line: str) -> None:
    stream.write(line + "\n")
    stream.flush()
