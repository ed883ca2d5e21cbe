"""Depth: bounds the nesting of JSON values, which functions walk recursively."""

from typing import Any

from ..errors import InvalidInput

MAX_DEPTH = 64  # levels of nesting that a value may have


def check_depth(value: Any, path: str = "instances") -> None:
    """Refuse what is nested so deeply that walking it could exhaust the stack.

    Raises:
        InvalidInput: beyond `MAX_DEPTH` levels.
    """
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for node in level
            if type(node) in {list, dict}
            for child in (node if type(node) is list else node.values())
        ]
        if not level:
            return
    raise too_deep(f"{path}:")


def too_deep(where: str) -> InvalidInput:
    """The error about a value that is nested too deeply."""
    return InvalidInput(f"{where} nested more than {MAX_DEPTH} levels deep.")
