"""Quotation: makes foreign text safe to print in an error."""

from collections.abc import Mapping

_LONGEST = 80  # characters of a name
_WORD = 100  # of a name or a version that is kept
_LINE = 1000  # characters of a line: a path fits, a book does not
_END = 300  # of these, so many are the line's last: the reason often stands there


def quoted(name: str | bytes) -> str:
    """`name` between quotes, escaped, and shortened."""
    text = repr(name[:_LONGEST]).removeprefix("b")
    return text if len(name) <= _LONGEST else f"{text}... ({len(name):,} characters)"


def plain_texts(values: Mapping[str, object]) -> dict[str, str]:
    """Those of a stranger's values that are texts of one line, none longer than fits on one."""
    texts = ((key, value) for key, value in values.items() if isinstance(value, str))
    return {key: text[:_WORD] for key, text in texts if text.isprintable()}


def shortened(text: str) -> str:
    """`text` with the middle of long lines left out."""
    if len(text) <= _LINE:
        return text
    return "\n".join(map(_shortened, text.split("\n")))


def _shortened(line: str) -> str:
    if len(line) <= _LINE:
        return line
    left_out = len(line) - _LINE
    return f"{line[: _LINE - _END]} ... ({left_out:,} characters) ... {line[-_END:]}"
