"""Question: one HTTP request, and whether it may be sent again."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ....runtime.version import __version__
from .failures import WrongInput

AGENT = f"modelbundle/{__version__}"


@dataclass(frozen=True, slots=True)
class Question:
    """One request.

    is_idempotent   to run it twice does no harm: it may be sent again after it may have run
    """

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_idempotent: bool = True

    def adding(self, headers: Mapping[str, str]) -> "Question":
        """The same, with further headers, which win."""
        return replace(self, headers={**self.headers, **headers})

    def within(self, seconds: float) -> "Question":
        """The same, with the time that the server has for it."""
        return self.adding({"x-request-timeout": f"{max(seconds, 0.001):.3f}"})


def checked(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers that stay on their lines.

    Raises:
        WrongInput: for a name or value that would be read as more than itself.
    """
    for name, value in headers.items():
        text = f"{name}{value}"
        if not name or not text.isprintable() or any(c in name for c in " :\t"):
            raise WrongInput(f"The header {name!r} has a name or a value that no header has.")
    return dict(headers)


CONTRACT = Question("GET", "/openapi.json", headers={"user-agent": AGENT})
READY = Question("GET", "/readyz", headers={"user-agent": AGENT})
