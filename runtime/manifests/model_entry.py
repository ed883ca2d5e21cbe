"""ModelEntry: a model inside a bundle, as `bundle.json` names it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from .file_entry import inside
from .tuning import Tuning


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model inside a bundle: `models/<alias>/`.

    `alias` is its name in code and on the wire, `name` and `digest` say which saved model it is,
    `tuning` how it computes where that is not how it was saved. `label` is the alias in the store
    by which the bundlefile named it: "prod" of `iris@prod`. One that `is_lazy` is loaded at its
    first request; after `unload_after` seconds without one it is unloaded, 0 = never.
    """

    alias: str
    name: str
    version: str
    digest: str
    framework: str
    executes_code: bool
    tuning: Tuning = Tuning()  # noqa: RUF009  frozen
    label: str | None = None
    is_lazy: bool = False
    unload_after: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As it stands in `bundle.json`."""
        plain = {
            "alias": self.alias,
            "name": self.name,
            "version": self.version,
            "digest": self.digest,
            "framework": self.framework,
            "executes_code": self.executes_code,
        }
        named = {} if self.label is None else {"label": self.label}
        lazy = {"load": "lazy"} if self.is_lazy else {}
        idle = {"unload_after": self.unload_after} if self.unload_after else {}
        return self.tuning.to_json() | plain | named | lazy | idle

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: for an alias that is no single name, or an unknown tuning.
        """
        if "/" in inside(data["alias"]):
            raise ValueError(f"{data['alias']!r} is not an alias")
        optional = {"tuning", "label", "is_lazy", "unload_after"}
        own = {name: data[name] for name in cls.__dataclass_fields__.keys() - optional}
        return cls(
            **own,
            tuning=Tuning.from_json(data),
            label=data.get("label"),
            is_lazy=data.get("load") == "lazy",
            unload_after=float(data.get("unload_after", 0.0)),
        )
