"""The exceptions of the client.

ClientError
├── WrongInput         the server would refuse it, or did (4xx); nothing was predicted
├── NoRoute            there is no such route; names those that there are
├── Unreachable        nobody answers at that address, or the connection broke
├── OutOfTime          no answer before the deadline
└── Refused            the server answered with an error of its own (5xx), or is full
"""

from ....runtime.errors import BundleError


class ClientError(BundleError):
    """No prediction came; `status` is the server's, where it answered."""

    def __init__(self, message: str, *, hint: str | None = None, status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class WrongInput(ClientError):
    """The input is not what the route takes."""


class NoRoute(ClientError):
    """The server has no such route."""


class Unreachable(ClientError):
    """Nobody answers at that address, or the connection broke before the answer came."""


class OutOfTime(ClientError):
    """The deadline passed."""


class Refused(ClientError):
    """The server answered with an error, however often it was asked."""
