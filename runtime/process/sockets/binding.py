"""Binding: a socket bound to a host and port, and the URL form of these."""

import socket


def bound(host: str, port: int, *, backlog: int = 0, is_shared: bool = False) -> socket.socket:
    """A socket bound to host and port; with a `backlog` it listens, `is_shared` is SO_REUSEPORT.

    Raises:
        OSError: when the port is taken, or the address is not one of this machine.
        OverflowError: when the port is out of range.
    """
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((host, port))
        if backlog:
            made.listen(backlog)
        made.setblocking(False)
    except (OSError, OverflowError):
        made.close()
        raise
    return made


def reached_at(host: str, port: int) -> str:
    """`host:port` for a person on this machine, where a server listens at `host`."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{shown}]:{port}" if ":" in shown else f"{shown}:{port}"
