"""Triton form: tensors of the Open Inference Protocol on a route of SageMaker's or Vertex AI's.

The size of the JSON before the binary tensors stands in the content type, both ways, because those
gateways pass no other header on. Source: Triton, `src/sagemaker_server.cc` and
`src/vertex_ai_server.cc`.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import cached_property

from .catalog import Catalog
from .inquiry import Inquiry
from .reply import Reply
from .served import Served

_TYPE = re.compile(
    r"(application/vnd\.(?:sagemaker|vertex-ai)-triton\.binary\+json)\s*;"
    r"\s*json-header-size=(\d{1,12})"
)
_SIZE = b"inference-header-content-length"


class TritonForm:
    """Answers such requests as V2 does."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def is_meant(self, inquiry: Inquiry) -> bool:
        """Whether a request is of this form."""
        return _TYPE.fullmatch(_said(inquiry)) is not None

    async def answer(self, served: Served, inquiry: Inquiry) -> Reply:
        """The answer of V2, in the same form; of tensors in JSON alone, as JSON.

        Raises:
            RequestError: as V2 does.
        """
        match = _TYPE.fullmatch(_said(inquiry))
        assert match is not None
        headers = {**inquiry.headers, _SIZE: match[2].encode()}
        parts = {"model": served.name, "version": served.version}
        asked = replace(inquiry, headers=headers, parts=parts)
        try:
            reply = await self._infer(asked)
        finally:
            inquiry.rows, inquiry.request = asked.rows, asked.request
        size = dict(reply.headers).get(_SIZE)
        if size is None:
            return reply
        others = tuple(header for header in reply.headers if header[0] != _SIZE)
        kind = f"{match[1]};json-header-size={size.decode()}"
        return replace(reply, content_type=kind, headers=others)

    @cached_property
    def _infer(self) -> Callable[[Inquiry], Awaitable[Reply]]:
        from .v2.dialect import V2  # not before somebody asks: it may be off

        return next(r.handler for r in V2(self._catalog).rules() if r.name.endswith("/infer"))


def _said(inquiry: Inquiry) -> str:
    return inquiry.headers.get(b"content-type", b"").decode("latin-1").strip().lower()
