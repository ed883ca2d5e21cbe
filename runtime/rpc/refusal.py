"""Refusal: a RequestError as JSON, from a service process to the front."""

from typing import Any

import orjson

from ..author_headers import allowed
from ..errors import STATUSES, RequestError, raised_elsewhere
from ..remote.failure import without_surrogates


def encode(error: RequestError, rows: int) -> bytes:
    """The error as JSON, and how many rows the request had, as far as that is known."""
    detail = without_surrogates(str(error.detail))
    name = type(error).__name__
    # The author may have set any status; an invalid one must not stop the process.
    status = error.status if error.status in STATUSES else RequestError.status
    return orjson.dumps([name, status, detail, error.retry_after, rows, allowed(error.headers)])


def decode(head: bytes) -> tuple[RequestError, int]:
    """The error and the rows; raises ValueError for what `encode` does not write."""
    name, status, detail, retry_after, rows, headers = orjson.loads(head)
    if not isinstance(detail, str) or status not in STATUSES:
        raise ValueError(f"{status!r} is not the status of an error.")
    if retry_after is not None and not isinstance(retry_after, int | float):
        raise ValueError(f"{retry_after!r} is not a time.")
    error = raised_elsewhere(name, status, detail, retry_after)
    error.headers = allowed(headers)
    return error, checked_rows(rows)


def checked_rows(rows: Any) -> int:
    """A number of rows; raises ValueError when it is none."""
    if not isinstance(rows, int) or rows < 0:
        raise ValueError(f"{rows!r} is not a number of rows.")
    return rows
