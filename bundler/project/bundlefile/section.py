"""Section: what every mapping of a bundlefile has in common."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic_core import core_schema

from .wrong import quoted, wrong

Item = TypeVar("Item")


class Section(BaseModel):
    """A mapping whose keys are all known: a frozen value, spelled in one way only."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        protected_namespaces=(),  # pydantic before 2.10 warns of `model_control`
    )


def _sequence(value: object) -> object:
    if isinstance(value, list | tuple):
        return value
    given = "is empty" if value is None else f"is {quoted(value)}"
    if isinstance(value, Mapping):
        given = "is a mapping"
    raise wrong(f"must be a list, but {given}.", "Write `[…]`, or one `- ` line for each.")


class _Distinct:
    """An annotation on a list: nothing stands in it twice."""

    def check(self, values: Sequence[Item]) -> Sequence[Item]:
        seen: set[Item] = set()
        for index, value in enumerate(values):
            if value in seen:
                raise wrong(f"{quoted(value)} appears twice.", "Keep one of them.", (index,))
            seen.add(value)
        return values

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return handler(schema) | {"uniqueItems": True}


List = Annotated[tuple[Item, ...], BeforeValidator(_sequence)]
Distinct = Annotated[tuple[Item, ...], BeforeValidator(_sequence), _Distinct()]
