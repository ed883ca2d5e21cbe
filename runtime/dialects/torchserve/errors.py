"""Errors in TorchServe's words, which both APIs share."""

from collections.abc import Mapping

from ...errors import (
    BadPayload,
    NotAllowed,
    NothingHere,
    NotSupported,
    Overloaded,
    RequestError,
    UnknownModel,
)
from ..dialect_request import DialectRequest
from ..reply import Reply


class UnknownVersion(UnknownModel):
    """The model is there, but not in this version."""


TYPES: Mapping[type[RequestError], str] = {
    UnknownModel: "ModelNotFoundException",
    UnknownVersion: "ModelVersionNotFoundException",
    NothingHere: "ResourceNotFoundException",
    NotAllowed: "MethodNotAllowedException",
    BadPayload: "BadRequestException",
    NotSupported: "NotImplementedException",
    Overloaded: "ServiceUnavailableException",
}
"""The `type` of an error; others are named by their status."""


async def no_workflow(_: DialectRequest) -> Reply:
    """Answer any request for a workflow; raises NotSupported."""
    raise NotSupported("There are no workflows here: a service class calls several models.")
