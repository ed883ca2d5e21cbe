"""Memory: access of one request to the shared memory regions that clients have registered."""

from collections.abc import Mapping
from typing import Any

from ..data.regions import Place
from ..errors import NotSupported
from .served import Served

DISABLED = (
    "Client shared memory is disabled: send the data themselves, or build the bundle with "
    "`serve.shared_memory: true`."
)
_REGION = "shared_memory_region"


class Memory:
    """Reads and writes tensors in shared memory, within the limit of a body's size per request.

    model   its name, for errors
    """

    def __init__(self, served: Served) -> None:
        self.model = served.name
        self._regions = served.regions
        self._left = served.settings.max_body

    def place(self, parameters: Mapping[str, Any]) -> Place | None:
        """Where a tensor of these parameters is; None: in the request, or the answer, itself.

        Raises:
            NotSupported: where clients have no regions.
            InvalidInput: for one that is not within a region.
        """
        if _REGION not in parameters:
            return None
        if self._regions is None:
            raise NotSupported(DISABLED)
        return Place.of(self._regions, parameters)

    def read(self, parameters: Mapping[str, Any]) -> bytes | None:
        """The raw form of an input, where a region has it.

        Raises:
            RequestError: as `place`; PayloadTooLarge, where all of them have too many bytes.
        """
        place = self.place(parameters)
        if place is None:
            return None
        found = place.read(self._left)
        self._left -= len(found)
        return found
