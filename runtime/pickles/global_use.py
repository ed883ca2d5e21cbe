"""GlobalUse: the globals that a pickle imports, and what it calls."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Use:
    """What a pickle calls: a global ("new" without its `__init__`), or the "result" of calling it.

    "change" is what it does to a global itself, or to a result that has its state already; "given"
    is a global among the arguments of the call `to`, "asked" a result there, whose methods may run,
    and "shaped" one whose attributes the pickle has chosen.
    `module` and `name` are `UNTOLD` where nobody can say without running it.
    """

    how: Literal["call", "new", "result", "change", "given", "asked", "shaped"]
    module: str
    name: str
    to: str = ""  # "module:name"


@dataclass(slots=True)
class GlobalUse:
    """The globals of a pickle as "module.name", in order, and its calls."""

    names: set[str] = field(default_factory=set)
    order: list[str] = field(default_factory=list)
    uses: set[Use] = field(default_factory=set)
