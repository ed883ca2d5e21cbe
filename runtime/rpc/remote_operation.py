"""RemoteOperation: an operation that runs in a service process."""

from ..data.payload import Payload
from ..models.operation import Call, Stream
from .service_link import ServiceLink


class RemoteOperation:
    """The operation of one route.

    route          its index among the routes of the bundle
    is_idempotent  whether a call may run again when the process died with it
    with_headers   whether the method takes the request headers
    """

    def __init__(
        self, link: ServiceLink, route: int, *, is_idempotent: bool, with_headers: bool
    ) -> None:
        self._link = link
        self._route = route
        self._is_idempotent = is_idempotent
        self._with_headers = with_headers

    async def __call__(self, call: Call) -> Payload | Stream:
        """Answer `call`."""
        if not self._with_headers:
            call.headers = None  # the method does not take them
        return await self._link.call(self._route, call, is_idempotent=self._is_idempotent)
