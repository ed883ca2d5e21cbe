"""CloudEvent: a prediction as a CloudEvent, in binary or structured mode.

Source: CloudEvents 1.0 (`cloudevents/spec.md`, `bindings/http-protocol-binding.md`,
`formats/json-format.md`); types and sources of answers as KServe names them.
"""

import base64
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote, unquote

import orjson

from ...data import media
from ...data.codecs import instances
from ...data.depth import check_depth
from ...errors import BadPayload
from ..dialect_request import DialectRequest
from ..reply import Reply

STRUCTURED = "application/cloudevents+json"
_BATCH = "application/cloudevents-batch"
_REQUIRED = ("specversion", "id", "source", "type")
_VERSIONS = frozenset({"1.0", "0.3"})


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """The content of an event, and its mode."""

    body: bytes
    content_type: str
    is_structured: bool

    @classmethod
    def of(cls, request: DialectRequest) -> Self | None:
        """Parse a request as an event; None if it is not one.

        Raises:
            BadPayload: when attributes are missing or `data` cannot be read.
        """
        kind = request.content_type.partition(";")[0].strip().lower()
        if kind.startswith(_BATCH):
            raise BadPayload("Batches of cloud events are not taken; send one event a request.")
        if kind == STRUCTURED:
            return cls._structured(request.body)
        names = [name for name in request.headers if name.startswith(b"ce-")]
        if b"ce-specversion" not in names:
            return None
        attributes = {name[3:].decode("latin-1"): _text(request.headers[name]) for name in names}
        _check(attributes)
        return cls(request.body, request.content_type, is_structured=False)

    @classmethod
    def _structured(cls, body: bytes) -> Self:
        event = instances.parse(body)
        if type(event) is not dict:
            raise BadPayload("A cloud event is a JSON object.")
        check_depth(event, "event")
        _check(event)
        data, content_type = _data(event), event.get("datacontenttype", media.JSON)
        if type(content_type) is not str:
            raise BadPayload("The cloud event's `datacontenttype` is not a string.")
        return cls(data, content_type, is_structured=True)

    def answered(self, model: str, reply: Reply) -> Reply:
        """The answer as an event of the same mode."""
        attributes = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": f"io.kserve.inference.{quote(model)}",
            "type": "io.kserve.inference.response",
            "time": datetime.now(UTC).isoformat(),
        }
        if not self.is_structured or not isinstance(reply.body, bytes):
            headers = tuple((f"ce-{k}".encode(), v.encode()) for k, v in attributes.items())
            return Reply(reply.body, reply.status, reply.content_type, (*reply.headers, *headers))
        document: dict[str, Any] = attributes | {"datacontenttype": reply.content_type}
        if reply.content_type == media.JSON:
            document["data"] = orjson.Fragment(reply.body)
        else:
            document["data_base64"] = base64.b64encode(reply.body).decode()
        return Reply(orjson.dumps(document), reply.status, STRUCTURED, reply.headers)


def _check(attributes: Mapping[str, Any]) -> None:
    for name in _REQUIRED:
        if type(attributes.get(name)) is not str or not attributes[name]:
            raise BadPayload(f"The cloud event's attribute `{name}` is missing.")
    if attributes["specversion"] not in _VERSIONS:
        raise BadPayload(
            "The cloud event's `specversion` is not 1.0, the only one that this server supports."
        )


def _data(event: Mapping[str, Any]) -> bytes:
    if "data" in event:
        data = event["data"]
        return data.encode() if type(data) is str else instances.written(data)
    try:
        return base64.b64decode(event["data_base64"], validate=True)
    except KeyError:
        raise BadPayload("The cloud event has no `data`.") from None
    except (TypeError, ValueError):
        raise BadPayload("The cloud event's `data_base64` is not base64.") from None


def _text(value: bytes) -> str:
    return unquote(value.decode("latin-1"))
