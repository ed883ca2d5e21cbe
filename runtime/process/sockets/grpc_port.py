"""GrpcPort: the port that all processes of a server share for gRPC, reserved for them."""

import importlib.util
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from ...errors import BundleError
from ...manifests.settings import GrpcSettings, ServeSettings
from .binding import bound, reached_at

PACKAGES = ("grpc", "google.protobuf")
OLDEST = (1, 84)
"""The oldest grpcio: earlier ones decompress a message before they check its size."""

_HINT = "Install it with `pip install 'modelbundle[grpc]'`."


@dataclass(frozen=True, slots=True)
class GrpcPort:
    """Host and port, and the bound socket that reserves them; it accepts nothing itself.

    grpc opens its own sockets on this port, one in each process, with SO_REUSEPORT.
    """

    host: str
    port: int
    held: socket.socket

    @property
    def url(self) -> str:
        """The URL for a person on this machine."""
        return reached_at(self.host, self.port)

    @classmethod
    def reserve(cls, host: str, settings: ServeSettings, *, is_shared: bool) -> "GrpcPort | None":
        """Reserve the port of the settings (0: any free one); None without gRPC.

        `is_shared` if the server that this one replaces may still listen on the port.

        Raises:
            BundleError: when the port is taken, or the library or the certificate cannot be loaded.
        """
        if "grpc" not in settings.dialects:
            return None
        _check_library()
        check_certificate(settings.grpc)
        wanted = settings.grpc.port
        if wanted and not is_shared:
            # Another server on the same port would silently get a part of our clients.
            _bound(host, wanted, is_shared=False).close()
        held = _bound(host, wanted, is_shared=True)
        return cls(host, held.getsockname()[1], held)


def check_certificate(settings: GrpcSettings) -> None:
    """Load the TLS certificate and its key, as the server will.

    Raises:
        BundleError: when a file is missing, or the key is not that of the certificate.
    """
    if settings.tls_cert is None or settings.tls_key is None:
        return
    named = {"tls_cert": settings.tls_cert, "tls_key": settings.tls_key}
    if settings.tls_client_ca is not None:
        named["tls_client_ca"] = settings.tls_client_ca
    for key, path in named.items():
        try:
            Path(path).read_bytes()
        except OSError as error:
            why = error.strerror or error
            raise BundleError(f"`serve.grpc.{key}` names `{path}`: {why}.") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (ssl.SSLError, ValueError) as error:
        raise BundleError(
            f"`{settings.tls_cert}` and `{settings.tls_key}` are not a certificate and its key.",
            hint="Both are PEM files, and the key has no password.",
        ) from error


def _check_library() -> None:
    for name in PACKAGES:
        try:
            is_there = importlib.util.find_spec(name) is not None
        except ModuleNotFoundError:  # not even `google`
            is_there = False
        if not is_there:
            raise BundleError(
                "`serve.dialects` has `grpc`, and its library is not installed here.", hint=_HINT
            )
    from importlib.metadata import version

    found = version("grpcio")
    if tuple(int(part) for part in found.split(".")[:2]) < OLDEST:
        raise BundleError(
            f"`grpcio` {found} is too old to be served with: a small message of a client's could "
            "take all memory.",
            hint=_HINT,
        )


def _bound(host: str, port: int, *, is_shared: bool) -> socket.socket:
    try:  # two sockets may have the address as long as neither listens
        return bound(host, port, backlog=0 if is_shared else 1, is_shared=is_shared)
    except OSError as error:
        raise BundleError(
            f"gRPC cannot listen on {host} port {port}: {error.strerror or error}.",
            hint="Choose another with `--grpc-port`, or 0 for any free one.",
        ) from error
