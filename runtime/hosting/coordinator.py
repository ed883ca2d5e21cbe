"""Coordinator: decides which models a server has, for all its processes."""

from typing import Protocol


class Coordinator(Protocol):
    """Carries out one change at a time.

    A *term* is the time from one load of a model to its end; they are counted.
    """

    def ask(self, what: str, alias: str, request_id: int, workers: int | None = None) -> None:
        """Have a model loaded ("load"), unloaded, or made the default ("prefer") of its versions.

        `done` is called with `request_id` then; `workers` are processes that it shall have.
        """

    def tell(self, event: str, alias: str, term: int, why: str = "") -> None:
        """Report an event of this process: "loaded", "failed", "here" or "gone"."""
