"""ServerSockets: the address and the sockets of a server."""

import socket
from dataclasses import dataclass

from .handover import Handover
from .sockets.address import Address
from .sockets.grpc_port import GrpcPort
from .sockets.management_port import ManagementPort


@dataclass(frozen=True, slots=True)
class ServerSockets:
    """Where a server listens, and the process that started it.

    began       when it was started, on the monotonic clock
    grpc        the gRPC port, if there is one
    management  the port of the management API, if there is one
    """

    address: Address
    listener: socket.socket
    handover: Handover
    began: float
    grpc: GrpcPort | None = None
    management: ManagementPort | None = None

    @property
    def ports(self) -> set[int]:
        """The ports of the server."""
        listeners = [self.listener, *([self.management.listener] if self.management else ())]
        own = {each.getsockname()[1] for each in listeners}
        return own if self.grpc is None else own | {self.grpc.port}

    def leave(self) -> None:
        """Close all sockets, in a process that accepts no connections."""
        self.handover.leave()
        self.listener.close()
        if self.management is not None:
            self.management.listener.close()
