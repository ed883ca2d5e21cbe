"""Rule: the pattern of a text in a bundlefile, for validation and for the JSON Schema."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic_core import core_schema

from .wrong import quoted, wrong

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler


@dataclass(frozen=True, slots=True)
class Rule:
    """An annotation on `StrictStr`: a pattern, and what is said when the text is otherwise.

    The pattern keeps to what Python and ECMAScript read alike. `also` are further rules that raise
    `wrong(...)`; `schema` is added to the JSON Schema.
    """

    pattern: str
    message: str = "is not allowed."
    hint: str | None = None
    also: tuple[Callable[[str], object], ...] = ()
    schema: dict[str, Any] = field(default_factory=dict, hash=False)

    def check(self, text: str) -> str:
        """Return `text` if it keeps the rule."""
        if "\n" in text or "\t" in text:
            raise wrong(f"{quoted(text)} must be on one line, without tabs.")
        if not re.fullmatch(self.pattern, text):
            raise wrong(f"{quoted(text)} {self.message}", self.hint)
        for rule in self.also:
            rule(text)
        return text

    def __get_pydantic_core_schema__(
        self, source: Any, handler: "GetCoreSchemaHandler"
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: "GetJsonSchemaHandler"
    ) -> dict[str, Any]:
        return handler(schema) | {"pattern": f"^(?:{self.pattern})$"} | self.schema
