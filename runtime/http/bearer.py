"""Bearer: the token that a request must carry."""

import hmac
from collections.abc import Mapping

from ..errors import RequestError

_SCHEME = b"bearer "


class NoKey(RequestError):
    """The request does not have the token."""

    status = 401


class Bearer:
    """Accepts requests with `Authorization: Bearer TOKEN`."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def check(self, headers: Mapping[bytes, bytes]) -> None:
        """Refuse a request without it.

        Raises:
            NoKey: for none, or another one.
        """
        header = headers.get(b"authorization", b"")
        is_bearer = header[: len(_SCHEME)].lower() == _SCHEME
        if not is_bearer or not hmac.compare_digest(header[len(_SCHEME) :].strip(), self._token):
            expected = "Authorization: Bearer TOKEN"
            raise NoKey(f"This needs a token: send `{expected}`.")
