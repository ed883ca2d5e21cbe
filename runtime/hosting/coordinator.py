"""Coordinator: decides which models a server has, for all its processes."""

from typing import Protocol


class Coordinator(Protocol):
    """Loads and unloads models, one change of a model at a time.

    A *term* numbers the loads of a model: it begins with a load and ends with the unload.
    """

    def ask(self, what: str, alias: str, request_id: int, workers: int | None = None) -> None:
        """Request a change: "load", "unload", "prefer", "register" or "forget".

        alias       the model; for "register", its reference in the store
        request_id  with which `HostedModels.set_result` is called in the end, or `UNAWAITED`
        workers     the number of processes of the model; None = unchanged
        """

    def tell(self, event: str, alias: str, term: int, why: str = "") -> None:
        """Report a step in this process: "prepared", "failed", "committed" or "unloaded"."""
