"""Author headers: those of an author's error that an answer may have."""

import re
from typing import Any

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # of latin-1; a line end would begin a header
# What the server itself says of each answer.
_OWN = frozenset({
    "connection", "content-encoding", "content-length", "content-type", "date", "keep-alive",
    "retry-after", "server", "trailer", "transfer-encoding", "upgrade", "x-request-id",
})  # fmt: skip


def allowed(headers: Any) -> dict[str, str]:
    """The headers by their names in lower case; no others than HTTP and the server allow."""
    if not hasattr(headers, "items"):
        return {}
    named = {str(name).lower(): str(value) for name, value in headers.items()}
    return {
        name: value
        for name, value in named.items()
        if name not in _OWN and _NAME.fullmatch(name) and _VALUE.fullmatch(value)
    }
