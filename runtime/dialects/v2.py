"""V2: the Open Inference Protocol over REST, as clients of Triton, KServe and MLServer speak it.

Source: github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md, and
Triton's extensions of it.
"""

from collections.abc import Sequence
from typing import Any

from ..errors import RequestError
from .catalog import Catalog
from .dialect import GET, Rule
from .inquiry import Inquiry
from .reply import Reply


class V2:
    """The Dialect."""

    name = "v2"
    prefixes = ("/v2",)

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def rules(self) -> Sequence[Rule]:
        """What it answers."""
        return [
            Rule(GET, "/v2", self._server, "/v2"),
            Rule(GET, "/v2/health/live", self._live, "/v2/health/live"),
            Rule(GET, "/v2/health/ready", self._ready, "/v2/health/ready"),
        ]

    def failure(self, error: RequestError) -> Reply:
        """Status and body of an error."""
        return Reply.error(error)

    def document(self) -> dict[str, Any]:
        """Its `paths` for openapi.json."""
        return {}

    async def _server(self, _: Inquiry) -> Reply:
        catalog = self._catalog
        return Reply.json(
            {"name": catalog.server_name, "version": catalog.server_version, "extensions": []}
        )

    async def _live(self, _: Inquiry) -> Reply:
        return Reply.json({"live": True})

    async def _ready(self, _: Inquiry) -> Reply:
        reason = self._catalog.reason
        if reason is None:
            return Reply.json({"live": True, "ready": True})
        return Reply.json({"live": True, "ready": False, "error": f"Not ready: {reason}."}, 503)
