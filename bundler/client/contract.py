"""Contract: the routes of a server, read from its OpenAPI document."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ...runtime.data.media import JSON
from ...runtime.data.rows import column
from ...runtime.manifests.signature import Side
from ...runtime.nearest import did_you_mean
from .wire.failures import ClientError, NoRoute

EXTENSION = "x-modelbundle"


@dataclass(frozen=True, slots=True)
class Route:
    """One route that predicts.

    inputs, outputs   of a model's method; None where an author's class answers
    schema, answer    JSON Schema of the body, and of the answer or each item of it
    takes, gives      content types of bodies and answers
    is_streaming      the answer comes in parts
    is_idempotent     to ask twice does no harm
    """

    path: str
    doc: str = ""
    inputs: Side | None = None
    outputs: Side | None = None
    schema: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)
    takes: tuple[str, ...] = (JSON,)
    gives: tuple[str, ...] = (JSON,)
    is_streaming: bool = False
    is_idempotent: bool = True

    @property
    def name(self) -> str:
        """The path as a person says it: `predict`, `iris/predict`."""
        return self.path.strip("/")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the fields of the body, in their order; () where it is rows."""
        properties = self.schema.get("properties", {})
        return () if self.takes_rows else tuple(properties)

    @property
    def takes_rows(self) -> bool:
        """Whether the body is {"instances": [...]}."""
        return self.inputs is not None or set(self.schema.get("properties", ())) == {"instances"}

    @property
    def gives_rows(self) -> bool:
        """Whether the answer is {"predictions": [...]}."""
        answers = self.answer.get("properties", {})
        return self.outputs is not None or set(answers) == {"predictions"}

    @classmethod
    def read(cls, path: str, operation: Mapping[str, Any]) -> Self:
        """One operation of the document."""
        known = operation[EXTENSION]
        takes = operation["requestBody"]["content"]
        gives = operation["responses"]["200"]["content"]
        sides = [_side(known[name]) if name in known else None for name in _SIDES]
        return cls(
            path,
            str(operation.get("description") or operation.get("summary") or ""),
            sides[0],
            sides[1],
            _schema(takes.get(JSON, {}).get("schema", {})),
            _schema(known.get("item", gives.get(JSON, {}).get("schema", {}))),
            tuple(takes),
            tuple(gives),
            bool(known.get("streaming", False)),
            bool(known.get("idempotent", sides[0] is not None)),
        )


_SIDES = ("inputs", "outputs")
_MOST_AXES = 64  # NumPy's own limit
_LAYOUTS = frozenset({"array", "columns", "tensors", "objects"})
_DTYPE = re.compile(r"[a-z][a-z0-9]{0,31}(\[[A-Za-z0-9/_+:, -]{1,63}\])?")


def _schema(data: Any) -> Mapping[str, Any]:
    """A JSON Schema, of which a server may have said anything.

    Raises:
        ValueError: when it has invalid parameters.
    """
    properties, required = data.get("properties", {}), data.get("required", [])
    if not isinstance(properties, dict) or not all(isinstance(one, str) for one in required):
        raise ValueError("invalid parameters")
    found: Mapping[str, Any] = data
    return found


def _side(data: Mapping[str, Any]) -> Side:
    """One side of a signature, of which a server may have said anything.

    Raises:
        ValueError: when it is none.
    """
    side = Side.from_json(data)
    if side.layout not in _LAYOUTS or (side.layout != "objects" and not side.fields):
        raise ValueError("a layout that is not known")
    for each in side.fields:
        if not isinstance(each.name, str) or not _DTYPE.fullmatch(each.dtype):
            raise ValueError("a field without a name or a dtype")
        each.name.encode()  # no half of a surrogate pair, which is no name anywhere
        if not column.is_known(each.dtype):
            raise ValueError("an invalid dtype")
        if not 0 < len(each.shape) <= _MOST_AXES:
            raise ValueError("an invalid shape")
        if not all(size is None or type(size) is int for size in each.shape):
            raise ValueError("an invalid size")
        if any(isinstance(one, float) and not math.isfinite(one) for one in each.classes):
            raise ValueError("a class that is not a number")
    return side


@dataclass(frozen=True, slots=True)
class Contract:
    """All routes, by their names; `title` and `version` are the bundle's."""

    title: str
    version: str
    routes: Mapping[str, Route]

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Read `openapi.json`; raises ClientError when it is no contract of a bundle."""
        try:
            document = json.loads(body)
            json.dumps(document, ensure_ascii=False).encode()  # half a character is none
            found = [
                Route.read(path, operations["post"])
                for path, operations in document["paths"].items()
                if EXTENSION in operations.get("post", {})
            ]
            info = document["info"]
            return cls(
                str(info["title"]), str(info["version"]), {each.name: each for each in found}
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ClientError(
                "This is not a bundle's server: its /openapi.json is another program's."
            ) from error

    def route(self, name: str) -> Route:
        """The route of that name, or path; raises NoRoute naming the nearest."""
        found = self.routes.get(name.strip("/"))
        if found is not None:
            return found
        known = ", ".join(f"`{each}`" for each in self.routes)
        hint = did_you_mean(name, self.routes) or f"There is {known or 'none'}."
        raise NoRoute(f"The server has no route `{name}`.", hint=hint)
