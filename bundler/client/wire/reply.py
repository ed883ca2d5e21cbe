"""Reply: the response to a request."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

_SHOWN = 500  # characters of an answer that is no error of ours


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, headers by their names in lower case, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def is_ok(self) -> bool:
        """Whether it is what was asked for."""
        return self.status < 300  # noqa: PLR2004

    @property
    def content_type(self) -> str:
        """Of the body."""
        return self.headers.get("content-type", "")

    @property
    def retry_after(self) -> float | None:
        """Seconds after which to ask again, where the server says so as a number."""
        try:
            seconds = float(self.headers.get("retry-after", ""))
        except ValueError:
            return None
        return seconds if 0 <= seconds < float("inf") else None

    def complaint(self) -> str:
        """What the server says is wrong."""
        try:
            return str(json.loads(self.body)["error"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return self.body[:_SHOWN].decode("utf-8", "replace").strip()


class Lost(Exception):
    """No response; `was_sent` says whether the server may have seen the request."""

    def __init__(self, reason: str, *, was_sent: bool, is_late: bool = False) -> None:
        super().__init__(reason)
        self.was_sent = was_sent
        self.is_late = is_late
