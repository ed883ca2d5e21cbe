"""A progress bar, removed when it is complete."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from ...bundler.progress import Meter


class _Task:
    def __init__(self, progress: Progress, task: Any) -> None:
        self._progress = progress
        self._task = task

    def advance(self, amount: int) -> None:
        """Move the bar."""
        self._progress.advance(self._task, amount)


@contextmanager
def shown(text: str, total: int, unit: str, *, color: bool) -> Iterator[Meter]:
    """A bar of `total` bytes or other units on stderr."""
    # Of seconds the time that is left says it all.
    amounts = {"bytes": [DownloadColumn()], "seconds": []}.get(unit, [MofNCompleteColumn()])
    label = TextColumn("{task.description}", markup=False)
    console = Console(file=sys.stderr, no_color=not color, highlight=False)
    columns = [
        label,
        BarColumn(),
        *amounts,
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Task(progress, progress.add_task(text, total=total))
