"""Canonical JSON: one value, one sequence of bytes, on every machine."""

import json
from typing import Any


def dumps(value: Any) -> bytes:
    """Encode `value` with sorted keys, no spaces, UTF-8 and a final newline.

    Raises:
        ValueError: for NaN and infinities, which JSON cannot say.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode() + b"\n"


def pretty(value: Any) -> bytes:
    """Encode `value` for a person: the same order, two spaces of indent."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False).encode() + b"\n"
