"""Head: a request line and its headers, checked for what could mislead an application."""

import re
from dataclasses import dataclass

from ...manifests.settings import LimitSettings

MAX_TARGET = 1 << 13  # bytes of path and query

_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:", re.IGNORECASE)
_ABSOLUTE = re.compile(rb"https?://[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]+([/?].*)?", re.IGNORECASE)
_HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")


class RefusedHead(Exception):
    """A request line or headers that are refused before any application sees them."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Head:
    """A request line and its headers; their names are in lower case."""

    headers: list[tuple[bytes, bytes]]
    target: bytes
    version: str

    def check(self, limits: LimitSettings, *, is_long: bool, is_upgrade: bool) -> None:
        """Refuse heads above the limits, and those that a proxy could parse differently.

        `is_long` says that the size is worth being counted, `is_upgrade` what the parser thinks.

        Raises:
            RefusedHead: with the status and the sentence for the client.
        """
        if len(self.headers) > limits.max_headers:
            raise RefusedHead(431, f"More than {limits.max_headers} headers.")
        if is_long and self._size() > limits.max_header_bytes:
            raise RefusedHead(431, "The headers are too large.")
        if len(self.target) > MAX_TARGET:
            raise RefusedHead(414, "The path is too long.")
        if is_upgrade:
            raise RefusedHead(400, "Connections are not upgraded here, nor tunneled.")
        if self.version not in {"1.1", "1.0"}:
            raise RefusedHead(400, "This server speaks HTTP/1.0 and HTTP/1.1.")
        self._check_host()
        names = [name for name, _ in self.headers]
        if b"transfer-encoding" in names:
            self._check_framing(names)

    def _size(self) -> int:
        return len(self.target) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _check_host(self) -> None:
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) > 1 or (not hosts and self.version == "1.1"):
            raise RefusedHead(400, f"Exactly one Host header is needed, {len(hosts)} came.")
        if hosts and not _HOST.fullmatch(hosts[0]):
            raise RefusedHead(400, "The Host header does not name a host.")

    def _check_framing(self, names: list[bytes]) -> None:
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        if b"content-length" in names:
            raise RefusedHead(400, "Content-Length and Transfer-Encoding exclude each other.")
        if self.version == "1.0" or codings != [b"chunked"]:
            raise RefusedHead(400, "The only Transfer-Encoding is `chunked`, in HTTP/1.1.")


def origin_form(target: bytes) -> bytes:
    """The path and query of a target, which a client may write behind a scheme and a host.

    Raises:
        RefusedHead: when it is none that a server answers.
    """
    if target.startswith(b"/") or target == b"*":
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise RefusedHead(400, "The path does not begin with `/`.")
    path = absolute[1] or b"/"
    return path if path.startswith(b"/") else b"/" + path


def without_upgrade(data: bytes, *, begins_line: bool) -> bytes:
    """The same piece of a request, with its Upgrade header under another name.

    The parser drops the body of a request that offers an upgrade, and Java's HttpClient offers one
    with every first request; a server may ignore the offer.
    """
    line = b"\r\n" if begins_line else b""  # which the piece before ended with
    head, end, rest = (line + data).partition(b"\r\n\r\n")
    return (_UPGRADE.sub(b"\r\nx-ignored-upgrade:", head) + end + rest)[len(line) :]
