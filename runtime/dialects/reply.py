"""Reply: the answer of a dialect to one request."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Any, Self

import orjson

from ..author_headers import allowed
from ..data import media
from ..data.codecs import instances
from ..errors import RequestError
from ..printable import printable

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """A body, whole or in parts, with its status and headers."""

    body: bytes | AsyncGenerator[bytes, None]
    status: int = 200
    content_type: str = media.JSON
    headers: Headers = ()

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Self:
        """Encode `value` as JSON; it may contain numeric arrays."""
        return cls(instances.written(value), status)

    @classmethod
    def error(cls, error: RequestError, status: int | None = None, kind: str | None = None) -> Self:
        """What every client finds something in: the message under each of its usual names.

        `status` instead of the error's own, `kind` instead of the name of its class.
        """
        code = error.status if status is None else status
        message = printable(error.detail)
        kind = kind or type(error).__name__
        body = orjson.dumps({"error": message, "code": code, "type": kind, "message": message})
        return cls(body, code, headers=error_headers(error))

    def with_headers(self, headers: Headers) -> Self:
        """The same with more headers."""
        return replace(self, headers=(*self.headers, *headers))


def error_headers(error: RequestError) -> Headers:
    """The headers of an error: its own, and Retry-After in whole seconds, at least 1."""
    headers = allowed(error.headers).items() if error.headers else ()
    own = tuple((name.encode(), value.encode("latin-1")) for name, value in headers)
    if error.retry_after is None:
        return own
    return (*own, (b"retry-after", b"%d" % max(1, -int(-error.retry_after // 1))))
