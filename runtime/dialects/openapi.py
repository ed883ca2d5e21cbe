"""OpenAPI: operations of dialects, all built in the same way, and a document of some paths."""

from collections.abc import Mapping
from typing import Any

from ..data import media
from .catalog import Catalog

Json = dict[str, Any]

_EMPTY_TOO = {media.TEXT, media.OCTETS}  # an empty body is valid text or bytes
BINARY: Json = {"type": "string", "format": "binary"}


def document(catalog: Catalog, paths: Json) -> Json:
    """The OpenAPI document of one dialect's paths."""
    info = {"title": catalog.server_name, "version": catalog.server_version or "0"}
    return {"openapi": "3.1.0", "info": info, "paths": paths}


def operation(
    name: str,
    summary: str,
    answer: Json | None = None,
    body: Json | None = None,
    others: Mapping[str, Json] | None = None,
    answers: Mapping[str, Json] | None = None,
) -> Json:
    """The OpenAPI operation of a path.

    `answer` and `body` are schemas of JSON, `others` those of content types that are taken beside
    it, `answers` of those that are given. Without `body` it takes none.
    """
    made: Json = {
        "operationId": name,
        "summary": summary,
        "responses": {"200": _media("The answer.", answer or {}, answers), "default": _FAILURE},
    }
    if body is None:
        return made
    content = _content(body, others)
    is_required = not _EMPTY_TOO & content.keys()
    return made | {"requestBody": {"required": is_required, "content": content}}


def _media(description: str, schema: Json, others: Mapping[str, Json] | None = None) -> Json:
    return {"description": description, "content": _content(schema, others)}


def _content(schema: Json, others: Mapping[str, Json] | None) -> Json:
    """Schemas by content type: of JSON, and of others."""
    return {kind: {"schema": each} for kind, each in {media.JSON: schema, **(others or {})}.items()}


_FAILURE = _media("Why there is none, in the words of this dialect.", {"type": "object"})
