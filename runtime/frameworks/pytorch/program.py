"""Torch program: checks the parts of an exported program that can run code.

Its sizes are expressions as text, which sympy evaluates as Python; compiled parts are libraries,
and objects of C++ bring their own unpickler. Under a policy that narrows pickles, a program has
sizes that are arithmetic, and neither of the others.
Source: torch/_export/serde/serialize.py, torch/export/pt2_archive/constants.py.
"""

import json
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ... import zip_member
from ...errors import NotTrusted

_BROKEN = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, ValueError,
    RecursionError, RuntimeError,
)  # fmt: skip
_LARGEST = 256 << 20  # bytes of a graph
_FORBIDDEN = ("aotinductor", "custom_obj")  # folders and names of what is no tensor
_CLASSES = (
    "Symbol|Integer|Float|Rational|Add|Mul|Pow|Max|Min|Mod|Abs|And|Or|Not|Eq|Ne|Equality|Unequality"
    "|Lt|Le|Gt|Ge|LessThan|StrictLessThan|GreaterThan|StrictGreaterThan|floor|ceiling|Piecewise"
    "|ExprCondPair|FloorDiv|ModularIndexing|Where|PythonMod|CleanDiv|CeilToInt|FloorToInt|CeilDiv"
    "|LShift|RShift|PowByNatural|FloatPow|FloatTrueDiv|IntTrueDiv|TruncToFloat|TruncToInt"
    "|RoundToInt|RoundDecimal|ToFloat|Identity|IsNonOverlappingAndDenseIndicator"
)
_NAME = r"(?!\w*__)[A-Za-z_]\w*"
_TOKEN = re.compile(
    rf"(?:{_CLASSES})\(|{_NAME}(?![\w(.])|'{_NAME}'|\d+(?:\.\d*)?(?:e[-+]?\d+)?(?![\w.])"
    r"|[-+*/%()<>=!&|~, ]",
    re.ASCII,
)
_TEXT = "expr_str"


def check(path: Path) -> None:
    """Look at all that is evaluated or loaded of the exported program at `path`.

    Raises:
        NotTrusted: when more than arithmetic is.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                name = member.filename.casefold()
                if any(word in name for word in _FORBIDDEN):
                    raise _refused(f"it holds `{member.filename[:200]}`")
                if name.endswith(".json"):
                    _check_graph(archive, member)
    except _BROKEN as error:
        raise _refused("it cannot be read to its end") from error


def _check_graph(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    if member.file_size > _LARGEST:
        raise _refused("its graph is too large to be looked at")
    for text in _expressions(json.loads(zip_member.read(archive, member, _LARGEST))):
        if not isinstance(text, str) or not _is_arithmetic(text):
            raise _refused(f"a size in it is `{str(text)[:80]!r}`")


def _is_arithmetic(text: str) -> bool:
    place = 0
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            return False
        place = token.end()
    return True


def _expressions(document: Any) -> Iterator[Any]:
    waiting = [document]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield from (part[_TEXT] for _ in range(_TEXT in part))
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _refused(why: str) -> NotTrusted:
    return NotTrusted(
        f"The exported program may run code of its own: {why}.",
        hint="Set `security.pickle` to `allow` in the bundlefile, if you know it.",
    )
