"""Shallow JSON: untrusted JSON whose depth is bounded before it is parsed.

`json` counts every level as a call. When these have used up Python's limit, whatever else runs at
that moment fails too: a signal handler, or what the garbage collector finalizes.
"""

import json
import re
from itertools import accumulate
from typing import Any

DEEPEST = 200  # objects and lists inside each other; of Python's 1,000 calls most are left
_TEXT = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKET = re.compile(r"[^][{}]++")


def loads(data: bytes) -> Any:
    """Read a document; raises ValueError if it is not JSON, or goes too deep."""
    text = data.decode()
    check_depth(text)
    return json.loads(text)


def check_depth(text: str) -> None:
    """Raise ValueError if the document goes too deep; whether it is valid is for the parser."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    brackets = _NO_BRACKET.sub("", _TEXT.sub("", text))
    if max(accumulate(1 if bracket in "[{" else -1 for bracket in brackets), default=0) > DEEPEST:
        raise ValueError("it is nested too deeply")
