"""Request: an HTTP request of the client, and whether it may be sent again."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ....runtime.version import __version__
from .failures import WrongInput

AGENT = f"modelbundle/{__version__}"


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request.

    is_idempotent   it may be sent again although the server may have run it
    """

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_idempotent: bool = True

    def adding(self, headers: Mapping[str, str]) -> "Request":
        """The same with more headers, which replace those of the same names."""
        return replace(self, headers={**self.headers, **headers})

    def within(self, seconds: float) -> "Request":
        """The same with the time limit as a header."""
        return self.adding({"x-request-timeout": f"{max(seconds, 0.001):.3f}"})


def checked(headers: Mapping[str, str]) -> dict[str, str]:
    """Check headers that a caller has given; returns them as a dict.

    Raises:
        WrongInput: for a name or value with characters that a header cannot have.
    """
    for name, value in headers.items():
        text = f"{name}{value}"
        if not name or not text.isprintable() or any(c in name for c in " :\t"):
            raise WrongInput(f"The header {name!r} has a name or a value that no header has.")
    return dict(headers)


CONTRACT = Request("GET", "/openapi.json", headers={"user-agent": AGENT})
READY = Request("GET", "/readyz", headers={"user-agent": AGENT})
