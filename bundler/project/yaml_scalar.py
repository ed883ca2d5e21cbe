"""The value of an unquoted YAML scalar by the core rules of YAML 1.2; refuses ambiguous ones."""

import re

HIDDEN = re.compile(
    # C0 and C1 controls, separators that only YAML 1.1 takes for line ends, marks that reorder
    # what a person sees, and what UTF-8 has no business to hold.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_WORDS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
# Numbers for some readers and text, or other numbers, for the rest: YAML 1.1 has octal 0123,
# binary, 1_000 and base sixty (22:22 is 1342), YAML 1.2 has 0o17.
_AMBIGUOUS = re.compile(
    r"[-+]?0[0-9_]+|[-+]?0o[0-7_]+|[-+]?0x[0-9a-fA-F_]+|[-+]?0b[01_]+"
    r"|[-+]?0[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9]+_[0-9_]*(?:\.[0-9_]*)?"
    r"|[-+]?[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_NUMERIC = re.compile(r"[-+.:_0-9eE]+")
_EXACT = 15  # digits that every reader of the file keeps exactly
_LONGEST = 40  # characters that are looked at with the rules above: some cost the square of it

Scalar = str | int | float | bool | None


class Unclear(ValueError):
    """Readers of the same text would not agree on its value; the message says why."""


def resolve(text: str) -> Scalar:
    """The value of a plain scalar.

    Raises:
        Unclear: when YAML 1.1 and 1.2, or two readers of 1.2, would take it for different things.
    """
    if text in _NULLS:
        return None
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST:
        if _NUMERIC.fullmatch(text):
            raise Unclear("has too many digits for a number")
        return text
    if _AMBIGUOUS.fullmatch(text):
        raise Unclear("is read in different ways by different readers")
    if _INT.fullmatch(text) or _FLOAT.fullmatch(text):
        return _number(text)
    return text


def _number(text: str) -> int | float:
    if sum(map(str.isdigit, text)) > _EXACT:
        raise Unclear("has too many digits for a number")
    if _INT.fullmatch(text):
        return int(text)
    number = float(text)
    if abs(number) == float("inf"):
        raise Unclear("is too large for a number")
    return number


def shown(text: str, limit: int = 60) -> str:
    """`text` for a message: one line, hidden characters escaped, a long end cut."""
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return HIDDEN.sub(_escape, text.replace("\t", "\\t").replace("\n", "\\n"))


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - one byte
