"""Script: an API that takes the raw body and both content types, as a script on SageMaker.

It takes `body: bytes`, `content_type: str`, `accept: str`, and gives `bytes` of the type that was
accepted: `output_fn(predict_fn(input_fn(body, content_type), model), accept)`.
"""

import base64
import re
from dataclasses import replace

import orjson

from ...data import media
from ..dialect_request import DialectRequest
from ..reply import Reply
from ..served import Served
from .bare import as_reply

_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")
_PARAMETERS = {"body", "content_type", "accept"}


def is_script(served: Served) -> bool:
    """Whether an API has that form."""
    schema = served.route.input.get("schema", {}) if served.signature is None else {}
    return set(schema.get("properties", ())) == _PARAMETERS


async def answer(served: Served, request: DialectRequest, accept: str) -> Reply:
    """The answer of a script to the whole body.

    Raises:
        RequestError: as the native route does.
    """
    wanted = next(iter(media.ranked(accept, _named(accept))), media.JSON)
    call = {
        "body": base64.b64encode(request.body).decode(),
        "content_type": media.essence(request.declared_type) or media.JSON,
        "accept": wanted,
    }
    reply = as_reply(await served.call(request, orjson.dumps(call), media.JSON, media.OCTETS))
    return replace(reply, content_type=wanted) if reply.content_type == media.OCTETS else reply


def _named(accept: str) -> list[str]:
    """The types that an Accept header names, without its wildcards."""
    named = (media.essence(each) for each in accept.split(","))
    return [kind for kind in named if _TYPE.fullmatch(kind)]
