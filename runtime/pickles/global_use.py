"""GlobalUse: the globals that a pickle imports, and what it calls."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a global by a pickle.

    how     "call"    it is called
            "new"     an object of it is created without `__init__`
            "result"  what it returned is called
            "change"  its state is set, or that of a result that has its state already
            "given"   it is an argument of the call `to`
            "asked"   its result is an argument of the call `to`, which may run methods of it
            "shaped"  as "asked", and the pickle has chosen the attributes of the result
            "state"   an object of it gets its state
            "part"    an object is the part `to` of that state, or the state itself
            "inside"  an object is in a container that is the part `to` of that state
            "slot"    the attribute `to` of an object of it is set one by one
            "fill"    elements are put into an object of it
    module, name  of the global; `UNTOLD` if that is only known by running the pickle
    to            the call as "module:name", the name of a part of a state, or "items" for elements
                  that come with their keys
    """

    how: Literal[
        "call", "new", "result", "change", "given", "asked", "shaped",
        "state", "part", "inside", "slot", "fill",
    ]  # fmt: skip
    module: str
    name: str
    to: str = ""


@dataclass(slots=True)
class GlobalUse:
    """The globals of a pickle as "module.name", in order of import, and their uses."""

    names: set[str] = field(default_factory=set)
    order: list[str] = field(default_factory=list)
    uses: set[Use] = field(default_factory=set)
