"""Triton form: Open Inference Protocol tensors on a route of SageMaker's or Vertex AI's.

The size of the JSON before the binary tensors stands in the content type, both ways, because those
gateways pass no other header on; tensors in JSON alone are known by what they are.
Source: Triton, `src/sagemaker_server.cc` and `src/vertex_ai_server.cc`.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import cached_property

from ..data import media
from ..data.codecs.instances import parse
from .catalog import Catalog
from .dialect_request import DialectRequest
from .reply import Reply
from .served import Served
from .tensors import tensor
from .work import LARGE_BODY

_TYPE = re.compile(
    r"(application/vnd\.(?:sagemaker|vertex-ai)-triton\.binary\+json)\s*;"
    r"\s*json-header-size=(\d{1,12})"
)
_SIZE = b"inference-header-content-length"
_BINARY = "application/vnd.{}-triton.binary+json"
_UNTYPED = frozenset({"", media.OCTETS})
_WHOLE = frozenset({"bytes", "str", "object"})
_BEGINNING = re.compile(rb'"inputs"\s*:\s*\[\s*\{\s*"(?:name|shape|datatype|data|parameters)"\s*:')


class TritonForm:
    """Answers such requests as V2 does; `gateway` is "sagemaker" or "vertex-ai"."""

    def __init__(self, catalog: Catalog, gateway: str) -> None:
        self._catalog = catalog
        self._binary = _BINARY.format(gateway)

    def is_meant(self, request: DialectRequest, served: Served) -> bool:
        """Whether a request is of this form."""
        content_type = _lower_type(request)
        if _TYPE.fullmatch(content_type) is not None:
            return True
        kind = content_type.partition(";")[0].strip()
        may_be = kind == media.JSON or (kind in _UNTYPED and not _takes_anything(served))
        return may_be and served.signature is not None and _has_tensors(request.body)

    async def answer(self, served: Served, request: DialectRequest) -> Reply:
        """The answer of V2, in the same form; of tensors in JSON alone, as JSON.

        Raises:
            RequestError: as V2 does.
        """
        match = _TYPE.fullmatch(_lower_type(request))
        headers = dict(request.headers)
        if match is not None:
            headers[_SIZE] = match[2].encode()
        parts = {"model": served.name, "version": served.version}
        infer_request = replace(request, headers=headers, parts=parts)
        try:
            reply = await self._infer(infer_request)
        finally:
            request.rows, request.queued = infer_request.rows, infer_request.queued
        size = dict(reply.headers).get(_SIZE)
        if size is None:
            return reply
        binary = self._binary if match is None else match[1]
        return replace(reply, content_type=f"{binary};json-header-size={size.decode()}")

    @cached_property
    def _infer(self) -> Callable[[DialectRequest], Awaitable[Reply]]:
        from .v2.dialect import V2  # on first use: the dialect may be off

        return next(r.handler for r in V2(self._catalog).rules() if r.name.endswith("/infer"))


def _lower_type(request: DialectRequest) -> str:
    return request.declared_type.strip().lower()


def _takes_anything(served: Served) -> bool:
    """Whether a body of any kind may be one row."""
    fields = served.signature.inputs.fields if served.signature is not None else ()
    return len(fields) == 1 and fields[0].dtype in _WHOLE


def _has_tensors(body: bytes) -> bool:
    """Whether it is JSON with tensors in it: `inputs`, each with a name, a shape, a datatype."""
    if len(body) >= LARGE_BODY:  # only the start of the body, because parsing all of it takes long
        return _BEGINNING.search(body[:LARGE_BODY]) is not None
    if b'"inputs"' not in body or b'"datatype"' not in body:
        return False
    return tensor.are_in(parse(body))
