"""Form: a message in any of its encodings: JSON, `json=` of a form, or multipart."""

from typing import Any
from urllib.parse import parse_qsl

from ...data import media
from ...data.codecs import multipart
from ...data.codecs.instances import parse
from ...errors import BadPayload
from ..dialect_request import DialectRequest

_MOST_FIELDS = 64
_JSON = frozenset({"data", "jsonData", "meta", "request", "response", "truth", "reward"})


def value_of(request: DialectRequest) -> Any:
    """The JSON value of a request.

    Raises:
        BadPayload, InvalidInput: when it lacks one, or it cannot be read.
    """
    return value_in(*body_of(request))


def body_of(request: DialectRequest) -> tuple[bytes, str]:
    """What says the message, the body or `json` in the query, and its content type."""
    if not request.body and "json" in request.query:
        return request.query["json"].encode("utf-8", "replace"), media.JSON
    return request.body, request.declared_type


def value_in(body: bytes, content_type: str) -> Any:
    """The JSON value of a body.

    Raises:
        BadPayload, InvalidInput: when it lacks one, or it cannot be read.
    """
    if media.essence(content_type) == media.MULTIPART:
        return _of_parts(multipart.loads(body, content_type))
    return parse(_of_form(body) if body.startswith(b"json=") else body)


def _of_form(body: bytes) -> bytes:
    try:
        pairs = parse_qsl(body.decode(), max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise BadPayload("The body is not a form that can be read.") from error
    if [name for name, _ in pairs].count("json") > 1:
        raise BadPayload("The field `json` appears more than once.")
    return dict(pairs).get("json", "").encode("utf-8", "replace")


def _of_parts(found: list[multipart.Part]) -> Any:
    """Parts named as the fields of a message; a file may be its `binData`."""
    if len(found) == 1 and found[0].name == "json":
        return parse(found[0].body)
    message: dict[str, Any] = {}
    for part in found:
        if part.name in message:
            raise BadPayload(f"The part `{part.name}` appears more than once.")
        if part.name in _JSON:
            message[part.name] = parse(part.body)
        elif part.name == "binData":
            is_file = part.filename is not None
            message[part.name] = part.body if is_file else part.text()
        elif part.name == "strData":
            message[part.name] = part.text()
        else:
            raise BadPayload(f"The part `{part.name[:64]}` is not a field of a message.")
    return message
