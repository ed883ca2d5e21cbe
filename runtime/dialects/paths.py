"""Paths: the parts of openapi.json that dialects write, all in the same manner."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

JSON = "application/json"
BINARY: Json = {"type": "string", "format": "binary"}

_FAILURES: Mapping[str, str] = {
    "400": "The body is not what was asked for; the message says where.",
    "404": "There is no such model, version or label.",
    "413": "The body or its number of rows is over the limit.",
    "415": "No decoder for this content type.",
    "422": "Well formed, but not what the signature asks for.",
    "500": "The model failed on this input.",
    "501": "This model cannot do that.",
    "503": "The server is full, starting or draining; Retry-After says when to come back.",
    "504": "The answer would come too late.",
}


def operation(
    name: str,
    summary: str,
    answer: Json | None = None,
    body: Json | None = None,
    others: tuple[str, ...] = (),
) -> Json:
    """One operation of a path.

    `answer` and `body` are schemas of JSON; `others` are content types that are taken beside it.
    Without `body` it takes none.
    """
    made: Json = {
        "operationId": name,
        "summary": summary,
        "responses": {"200": _media("The answer.", answer or {})} | _failures(),
    }
    if body is None:
        return made
    content = {JSON: {"schema": body}} | {kind: {"schema": BINARY} for kind in others}
    return made | {"requestBody": {"required": True, "content": content}}


def _failures() -> Json:
    schema = {"type": "object"}
    return {status: _media(text, schema) for status, text in _FAILURES.items()}


def _media(description: str, schema: Json) -> Json:
    return {"description": description, "content": {JSON: {"schema": schema}}}
