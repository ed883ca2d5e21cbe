"""TransientError: an error after which a retry may succeed."""

from ...errors import RegistryError

BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses of a request that may be sent again."""


class TransientError(RegistryError):
    """A connection broke off, or the registry is busy.

    retry_after   seconds that the registry asks to wait; 0 if it does not
    """

    def __init__(self, message: str, *, hint: str | None = None, retry_after: float = 0.0) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
