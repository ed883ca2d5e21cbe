"""Offload: decodes large bodies and encodes large answers in another process."""

from typing import Any, Protocol


class Offload(Protocol):
    """Runs work in another process; returns None if there is none."""

    async def read(
        self, work: str, context: Any, body: bytes, *, is_foreign: bool = False
    ) -> tuple[Any, Any] | None:
        """The note and the batch of what `work.reader(work)` reads in a body.

        `is_foreign` is one that a C library parses, which damaged bodies may crash.
        """

    async def write(self, work: str, context: Any, output: Any) -> tuple[Any, bytes] | None:
        """`work.head_of` of what `work.writer(work)` replies, and its body."""
