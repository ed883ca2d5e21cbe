"""Paths: the parts of openapi.json that dialects write, all in the same manner."""

from typing import Any

Json = dict[str, Any]

JSON = "application/json"
BINARY: Json = {"type": "string", "format": "binary"}


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
        "responses": {"200": _media("The answer.", answer or {}), "default": _FAILURE},
    }
    if body is None:
        return made
    content = {JSON: {"schema": body}} | {kind: {"schema": BINARY} for kind in others}
    return made | {"requestBody": {"required": True, "content": content}}


def _media(description: str, schema: Json) -> Json:
    return {"description": description, "content": {JSON: {"schema": schema}}}


_FAILURE = _media("Why there is none, in the words of this dialect.", {"type": "object"})
