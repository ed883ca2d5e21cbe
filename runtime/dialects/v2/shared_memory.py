"""SharedMemory: registers regions of clients; CUDA shared memory is not supported.

Source: Triton, docs/protocol/extension_shared_memory.md.
"""

from collections.abc import Sequence
from dataclasses import asdict

from ...data.codecs import instances
from ...data.regions import Region, Regions
from ...errors import InvalidInput, NotSupported, UnknownModel
from .. import web_page
from ..catalog import Catalog
from ..dialect import GET, POST, Rule
from ..dialect_request import DialectRequest
from ..memory import DISABLED
from ..reply import Reply

_LARGEST = 2**63 - 1
_LONGEST = 255  # characters of a name
_CUDA = "/v2/cudasharedmemory(?:/region/[^/]+)?"
_SYSTEM = "/v2/systemsharedmemory(?:/region/(?P<region>[^/]+))?"
_NAME = "/v2/sharedmemory"


class NoRegion(UnknownModel):
    """No region of that name is registered."""


class SharedMemory:
    """Registers, unregisters and lists regions."""

    def __init__(self, catalog: Catalog) -> None:
        self._regions = catalog.regions

    def rules(self) -> Sequence[Rule]:
        """The rules of this extension."""
        return [
            Rule(GET, f"{_SYSTEM}/status", self._status, _NAME),
            Rule(POST, f"{_SYSTEM}/register", self._register, _NAME),
            Rule(POST, f"{_SYSTEM}/unregister", self._unregister, _NAME),
            Rule(GET, f"{_CUDA}/status", self._nothing, _NAME),
            Rule(POST, f"{_CUDA}/register", self._refuse, _NAME),
            Rule(POST, f"{_CUDA}/unregister", self._done, _NAME),
        ]

    async def _status(self, request: DialectRequest) -> Reply:
        listed = status(self._regions, request.parts.get("region", ""))
        return Reply.json([asdict(each) for each in listed])

    async def _register(self, request: DialectRequest) -> Reply:
        web_page.check(request.headers)
        regions = _open(self._regions)
        document = instances.parse(request.body)
        if type(document) is not dict or type(document.get("key")) is not str:
            raise InvalidInput("Expected an object with `key` and `byte_size`.")
        numbers = [document.get("offset", 0), document.get("byte_size")]
        if not all(type(each) is int for each in numbers):
            raise InvalidInput("Expected `offset` and `byte_size` to be numbers of bytes.")
        region = Region(request.parts.get("region", ""), document["key"], *numbers)
        register(regions, region)
        return Reply.json({})

    async def _unregister(self, request: DialectRequest) -> Reply:
        web_page.check(request.headers)
        unregister(self._regions, request.parts.get("region", ""))
        return Reply.json({})

    async def _nothing(self, _: DialectRequest) -> Reply:
        return Reply.json([])

    async def _done(self, _: DialectRequest) -> Reply:
        return Reply.json({})

    async def _refuse(self, _: DialectRequest) -> Reply:
        raise NotSupported(CUDA)


CUDA = "Client shared memory is disabled: there is none of CUDA's; send the data themselves."


def status(regions: Regions | None, name: str) -> list[Region]:
    """The regions, or only the one with that name.

    Raises:
        NoRegion: when there is none with that name.
    """
    listed = [] if regions is None else regions.registered()
    if not name:
        return listed
    found = [each for each in listed if each.name == name]
    if not found:
        raise NoRegion(f"Unable to find system shared memory region: '{name[:_LONGEST]}'.")
    return found


def register(regions: Regions | None, region: Region) -> None:
    """Register a region.

    Raises:
        NotSupported: when shared memory is not allowed.
        InvalidInput: when it is not a part of a shared memory file.
    """
    regions = _open(regions)
    if not 0 < len(region.name) <= _LONGEST:
        raise InvalidInput(f"A region has a name of up to {_LONGEST} characters.")
    if not (0 <= region.offset <= _LARGEST and 0 <= region.byte_size <= _LARGEST):
        raise InvalidInput(
            f"failed to register shared memory region '{region.name}': invalid args: "
            "`offset` and `byte_size` are numbers of bytes."
        )
    regions.register(region)


def unregister(regions: Regions | None, name: str) -> None:
    """Unregister a region, or all without a name; also where none is registered."""
    if regions is not None:
        regions.unregister(name)


def _open(regions: Regions | None) -> Regions:
    if regions is None:
        raise NotSupported(DISABLED)
    return regions
