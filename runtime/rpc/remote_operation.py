"""RemoteOperation: an operation that runs in a service process."""

from ..data.payload import Payload
from ..models.operation import Call, Stream
from .service_link import ServiceLink


class RemoteOperation:
    """One route.

    route          its index among those of the bundle
    is_idempotent  whether a call may run again when the process died with it
    """

    def __init__(self, link: ServiceLink, route: int, *, is_idempotent: bool) -> None:
        self._link = link
        self._route = route
        self._is_idempotent = is_idempotent

    async def __call__(self, call: Call) -> Payload | Stream:
        """Answer `call`."""
        return await self._link.call(self._route, call, is_idempotent=self._is_idempotent)
