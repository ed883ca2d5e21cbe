"""Row kinds: how rows of any JSON differ in kind from those of the sample.

What a function takes is not known beforehand, so it gets everything. Where it fails, the first
difference in kind from the rows that it has answered is what its client should know.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..data.rows.column import describe

_KINDS: Mapping[type, str] = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}


def difference(rows: Sequence[Any], known: Sequence[Any]) -> str | None:
    """A sentence on the first row unlike all `known` ones, or None.

    Objects are compared by field; the contents of lists are not compared.
    """
    found = (_differing(row, known, f"instances[{number}]") for number, row in enumerate(rows))
    return next((each for each in found if each is not None), None) if known else None


def _differing(value: Any, known: Sequence[Any], path: str) -> str | None:
    kinds = {_KINDS.get(type(each)) for each in known}
    if _KINDS.get(type(value)) not in kinds:
        words = " or ".join(sorted(filter(None, kinds)))
        return f"{path}: expected {words}, got {describe(value)}."
    if not isinstance(value, dict):
        return None
    like = [each for each in known if isinstance(each, dict)]
    for name in like[0]:
        if name not in value and all(name in each for each in like):
            return f"{path}: field `{name}` is missing."
    for name, part in value.items():
        parts = [each[name] for each in like if name in each]
        found = _differing(part, parts, f"{path}.{name}") if parts else None
        if found is not None:
            return found
    return None
