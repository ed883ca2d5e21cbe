"""The errors of the bundlefile's rules."""

import re
from typing import TYPE_CHECKING

from ....runtime.nearest import did_you_mean
from ..yaml_scalar import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import PydanticCustomError

    from ..yaml_source import Where


def wrong(message: str, hint: str | None = None, at: "Where" = ()) -> "PydanticCustomError":
    """The error of a rule; `at` leads from the value that was checked to the one at fault."""
    from pydantic_core import PydanticCustomError

    return PydanticCustomError("wrong", "{message}", {"message": message, "hint": hint, "at": at})


# A person before a host (not a name before its digest), and what an address asks for.
_SECRETS = re.compile(
    r"(?<=://)[^/\s@]*(?=@)|(?<![^/\s@:])[^/\s@:]*:[^/\s@:]+(?=@(?!sha256:))|(?<=\?)[^\s?=]*=\S*"
)


def quoted(value: object) -> str:
    """A value as a message shows it: short, on one line, in backticks, without passwords."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{shown(_SECRETS.sub('***', str(value)))}`"


def nearest(word: object, known: "Iterable[str]") -> str | None:
    """The hint that names the known word which `word` was perhaps meant to be."""
    return did_you_mean(str(word).lower(), known)


def one_of(value: object, known: "Iterable[str]") -> "PydanticCustomError":
    """The error of a value that is none of those allowed."""
    words = list(known)
    listed = ", ".join(f"`{word}`" for word in words)
    return wrong(f"{quoted(value)} is not one of {listed}.", nearest(value, words))
