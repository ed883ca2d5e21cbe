"""Paths: the OpenAPI paths of dialects, all built in the same way."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

JSON = "application/json"
_EMPTY_TOO = {"text/plain", "application/octet-stream"}  # nothing is text, and bytes, too
BINARY: Json = {"type": "string", "format": "binary"}


def operation(
    name: str,
    summary: str,
    answer: Json | None = None,
    body: Json | None = None,
    others: Mapping[str, Json] | None = None,
) -> Json:
    """One operation of a path.

    `answer` and `body` are schemas of JSON, `others` those of content types that are taken beside
    it. Without `body` it takes none.
    """
    made: Json = {
        "operationId": name,
        "summary": summary,
        "responses": {"200": _media("The answer.", answer or {}), "default": _FAILURE},
    }
    if body is None:
        return made
    content = {JSON: {"schema": body}} | {
        kind: {"schema": schema} for kind, schema in (others or {}).items()
    }
    is_required = not _EMPTY_TOO & content.keys()
    return made | {"requestBody": {"required": is_required, "content": content}}


def _media(description: str, schema: Json) -> Json:
    return {"description": description, "content": {JSON: {"schema": schema}}}


_FAILURE = _media("Why there is none, in the words of this dialect.", {"type": "object"})
