"""SourceFile: a file of a project, and the reasons why it may not be bundled."""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .secrets import ALLOWED, secret_in
from .yaml_scalar import HIDDEN, shown

_SEARCHED = 4 << 20  # bytes from the start that are searched for secrets
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # UTF-16, as PowerShell's `>` writes it
_SNIFFED = 8 << 10  # bytes that show whether a file is text
_HINT_SECRET = (
    "Keep secrets out of code: read them from the environment, or `exclude` the file. A line that "
    f"only looks so may end in the comment `{ALLOWED[0]}`."
)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """`path` in the bundle's `src/` (POSIX), where the file lies, and its executable bit."""

    path: str
    absolute: Path
    executable: bool


def is_portable(path: str) -> bool:
    """Whether every system can hold a file of that name."""
    return not (HIDDEN.search(path) or set(path) & {"\\", "\n", "\t"})


def same_name(files: Iterable[SourceFile]) -> Iterator[tuple[str, str]]:
    """Files whose names some file systems take for one: a problem and its hint each."""
    seen: dict[str, str] = {}
    for file in sorted(files, key=lambda file: file.path):
        folded = unicodedata.normalize("NFC", file.path).casefold()
        other = seen.setdefault(folded, file.path)
        if other != file.path:
            message = f"`{shown(other)}` and `{shown(file.path)}` are one name on some systems."
            yield message, "Rename one of them."


def check_secrets(file: SourceFile) -> Iterator[tuple[str, str]]:
    """The first secret in the text of `file`: a problem and its hint."""
    try:
        with file.absolute.open("rb") as stream:
            data = stream.read(_SEARCHED)
    except OSError as error:
        yield f"`{shown(file.path)}` cannot be read: {error.strerror}.", "Make it readable."
        return
    if data.startswith(_WIDE):
        data = data.replace(b"\0", b"")
    if b"\0" in data[:_SNIFFED]:
        return
    text = data.decode("latin-1")  # a character a byte; what is searched for is ASCII
    found = secret_in(text)
    if found:
        line = text.count("\n", 0, found[1]) + 1
        yield f"{shown(file.path)}:{line}: this looks like {found[0]}.", _HINT_SECRET
