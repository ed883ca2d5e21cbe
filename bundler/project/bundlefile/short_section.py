"""ShortSection: a section that a lone text may stand for."""

from collections.abc import Mapping
from typing import Any

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from .section import Section


class ShortSection(Section):
    """A mapping that may be written as a text alone: the value of its first key."""

    @model_validator(mode="before")
    @classmethod
    def _spread(cls, value: Any) -> Any:
        if isinstance(value, Mapping | list | Section):
            return value
        return {cls._first(): value}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        full = handler.resolve_ref_schema(handler(schema))
        return {"anyOf": [dict(full["properties"][cls._first()]), full]}

    @classmethod
    def _first(cls) -> str:
        return next(iter(cls.model_fields))
