"""Console: the only writer to the terminal. stdout carries the result, stderr the talk."""

import json as jsonlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from ..bundler.progress import Meter, NullProgress

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

_STYLES = {"error": "bold red", "hint": "cyan", "warning": "yellow", "step": "dim", "good": "green"}


class Console:
    """What a command says, for a person, for a program (`--json`) or hardly at all (`-q`)."""

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json = json
        self.quiet = quiet

    def result(
        self, data: Mapping[str, Any], text: str = "", *, next_command: str | None = None
    ) -> None:
        """Say the result: `data` with `--json`, else `text` on stdout and the next command."""
        if self.json:
            self.write(jsonlib.dumps(data, ensure_ascii=False, default=str))
            return
        if text:
            self.write(printable(text))
        if next_command:
            self.talk(f"next: {next_command}", "hint")

    def table(
        self, data: Mapping[str, Any], columns: Sequence[str], rows: Sequence[Sequence[str]]
    ) -> None:
        """Say a table: `data` with `--json`, else aligned columns on stdout."""
        if self.json:
            self.result(data)
        elif rows:
            self._rich_table(columns, rows)

    def step(self, text: str) -> None:
        """Say what is being worked on."""
        self.talk(text, "step")

    def warning(self, text: str) -> None:
        """Say what is not as it should be, and does not stop us."""
        self.talk(f"warning: {text}", "warning", even_quiet=True)

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
        _write(sys.stderr, line)

    def write(self, text: str) -> None:
        """Write a line to stdout, exactly as it is."""
        _write(sys.stdout, text)

    def meter(self, text: str, total: int, unit: str = "bytes") -> AbstractContextManager[Meter]:
        """A bar on a terminal; nothing where nobody watches."""
        if self.quiet or total <= 0 or not sys.stderr.isatty():
            return NullProgress().meter(text, total, unit)
        return _bar(text, total, unit)

    def waiting(self, text: str) -> AbstractContextManager[object]:
        """A spinner beside a step whose length nobody knows; one line where nobody watches."""
        if self.quiet or not sys.stderr.isatty():
            self.step(text)
            return nullcontext()
        return rich_stderr().status(printable(text))

    def _rich_table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for index, column in enumerate(columns):
            table.add_column(column, no_wrap=index == 0, overflow="fold")
        for row in rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        _rich(sys.stdout).print(table)


def printable(text: str) -> str:
    """Replace control characters, so that a stored name cannot drive the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def rich_stderr() -> "RichConsole":
    """A rich console on stderr."""
    return _rich(sys.stderr)


def _rich(stream: Any) -> "RichConsole":
    from rich.console import Console as RichConsole

    # Without a terminal a table must not be folded at 80 columns: a pipe has no width.
    width = None if stream.isatty() else 200
    return RichConsole(file=stream, width=width, no_color=not _has_color(stream), highlight=False)


def _has_color(stream: Any) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"


_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def _colored(line: str, style: str) -> str:
    start = f"\x1b[{';'.join(_CODES[word] for word in _STYLES[style].split())}m"
    head, colon, rest = line.partition(": ")
    if colon and head in {"error", "hint", "warning", "next"}:
        return f"{start}{head}:\x1b[0m {rest}"
    return f"{start}{line}\x1b[0m"


def _write(stream: Any, line: str) -> None:
    try:
        stream.write(line + "\n")
        stream.flush()
    except UnicodeEncodeError:
        stream.write(line.encode(stream.encoding or "ascii", "backslashreplace").decode() + "\n")
        stream.flush()


class _Task:
    def __init__(self, progress: Any, task: Any) -> None:
        self._progress = progress
        self._task = task

    def advance(self, amount: int) -> None:
        """Move the bar."""
        self._progress.advance(self._task, amount)


@contextmanager
def _bar(text: str, total: int, unit: str) -> Iterator[Meter]:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    amount = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    label = TextColumn("{task.description}", markup=False)
    with Progress(
        label, BarColumn(), amount, TimeRemainingColumn(), console=rich_stderr(), transient=True
    ) as progress:
        yield _Task(progress, progress.add_task(printable(text), total=total))
