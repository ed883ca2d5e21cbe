"""Parameters: the named parameters of a request or a tensor."""

from collections.abc import Mapping
from typing import Any

_CHOICE = "parameter_choice"


def values(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as Python's own values."""
    chosen = {name: (value, value.WhichOneof(_CHOICE)) for name, value in parameters.items()}
    return {name: getattr(value, choice) for name, (value, choice) in chosen.items() if choice}


def write(parameters: Any, chosen: Mapping[str, str | int]) -> None:
    """Put texts and numbers among the parameters of a message."""
    for name, value in chosen.items():
        field = "string_param" if isinstance(value, str) else "int64_param"
        setattr(parameters[name], field, value)
