"""Route: one route of a bundle's server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Route:
    """One prediction route.

    Exactly one of `model` (an alias in `models/`, served by the generated service) and `service`
    (the author's class) is set; `method` is a method of it. `input` and `output` are what
    `runtime.services.contract` writes: {"kind": ..., "schema": JSON Schema} as far as the types
    could be read, else {"kind": "object"}.
    """

    path: str
    method: str
    model: str | None = None
    service: str | None = None
    batchable: bool = True
    max_batch_size: int | None = None  # rows; None = the server's
    latency_budget: float | None = None  # seconds; None = the server's
    streaming: bool = False
    idempotent: bool = False  # a request may run again when the service's process died with it
    doc: str = ""
    input: Mapping[str, Any] = field(default_factory=dict)
    output: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it stands in `bundle.json`."""
        return {name: getattr(self, name) for name in type(self).__dataclass_fields__}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(**{name: data[name] for name in cls.__dataclass_fields__ if name in data})
