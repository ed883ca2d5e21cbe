"""Compiles Python files for their paths in an image; run by the image's Python version.

Reads lines of `source TAB place TAB target`, and writes one file for each source that compiles. The
bytes depend only on source, place and interpreter: the header holds an unchecked hash of the source
(PEP 552), and version 2 of marshal has no references, which version 4 writes for objects that are
shared by chance.
"""

import marshal
import os
import sys
from importlib import util

_UNCHECKED = 1  # PEP 552: hash-based, and not compared with the source


def main() -> None:
    """Compile the files that standard input lists."""
    for line in sys.stdin:
        source, place, target = line.rstrip("\n").split("\t")
        try:
            _compile(source, place, target)
        except OSError as error:
            sys.exit(f"errno {error.errno} {target}")


def _compile(source: str, place: str, target: str) -> None:
    with open(source, "rb") as file:  # noqa: PTH123 - any Python from 3.8 on runs this
        text = file.read()
    try:
        code = compile(text, place, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, RecursionError):
        return  # it could not be imported either
    head = util.MAGIC_NUMBER + _UNCHECKED.to_bytes(4, "little") + util.source_hash(text)
    os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
    part = f"{target}.{os.getpid()}"
    with open(part, "wb") as file:  # noqa: PTH123
        file.write(head + marshal.dumps(code, 2))
    os.replace(part, target)  # noqa: PTH105


if __name__ == "__main__":
    main()
