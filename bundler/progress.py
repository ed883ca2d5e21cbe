"""Progress: how the library reports its steps, as it never prints."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Meter(Protocol):
    """Something that fills up."""

    def advance(self, amount: int) -> None:
        """Count `amount` more bytes (or steps)."""


class Progress(Protocol):
    """Where steps and meters are shown."""

    def step(self, text: str) -> None:
        """Say what is being worked on, in one line."""

    def warning(self, text: str) -> None:
        """Say what is not as it should be, and does not stop us."""

    def meter(self, text: str, total: int, unit: str = "bytes") -> AbstractContextManager[Meter]:
        """A bar of `total` bytes (or steps), shown on a terminal only."""


class _Still:
    def advance(self, amount: int) -> None:
        """Count nothing."""


class NullProgress:
    """A Progress that shows nothing."""

    def step(self, text: str) -> None:
        """Say nothing."""

    def warning(self, text: str) -> None:
        """Say nothing of that, either."""

    def meter(self, text: str, total: int, unit: str = "bytes") -> AbstractContextManager[Meter]:  # noqa: ARG002
        """Show nothing."""
        return nullcontext(_Still())


SILENT: Progress = NullProgress()
"""The default of whatever reports its progress."""
