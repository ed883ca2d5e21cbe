"""Script: checks the operators of a TorchScript archive, which is a program of its own.

Torch compiles its sources and runs their `__setstate__` while it loads them. `torch.save` writes
any file, `from_file` opens any, and the operators and classes of other libraries do as they like.
So under a policy that narrows pickles, none of these is named anywhere, not only where it is
called: an operator can be called under another name.
Source: torch/csrc/jit/serialization/import.cpp, import_source.cpp, python_print.cpp.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ... import zip_member
from ...errors import NotTrusted
from ...pickles.zip_directory import is_plain
from .graph_text import OPERATORS_OF_TORCH
from .program import BROKEN

_LARGEST = 64 << 20  # bytes of a source, or of a pickle of objects
_ESCAPE = r"\\(?:[\\\"'?abfnrtv]|0[0-3][0-7]|177|[23][0-7]{2})"  # none of what can be printed
_STRING = rf'(?!""")"(?:[^"\\\n]|{_ESCAPE})*+"(?!\s*")'  # whole: it goes on in no other
_SOURCE = re.compile(rf"""(?:{_STRING}|[^"'\\#\x00-\x09\x0b-\x1f]++)*+""")  # as torch writes it
_TEXT = re.compile(_STRING)
_WORD = re.compile(r'"\w*"', re.ASCII)  # may be the name of an attribute, for `getattr`
_FORBIDDEN = re.compile(
    rf"\b(?:save|from_file|rpc_\w+)\b|\bops\b(?!\.(?:{OPERATORS_OF_TORCH}|prim)\.)", re.ASCII
)
_CLASS = re.compile(r"__torch__(?:\.\w+)*+", re.ASCII)
_OF_CPP = "__torch__.torch.classes."
_KNOWN = re.compile(r"__torch__\.torch\.classes\.(?:mkldnn|quantized|rnn|sparse)\.\w+")


def check(path: Path) -> None:
    """Look at all sources and objects of the archive at `path`.

    Raises:
        NotTrusted: when a file may be opened, or something be called that is not torch's own.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            if not is_plain(file):
                raise _refused("it can be read in two ways")
            for member in archive.infolist():
                for found in _strange(archive, member):
                    raise _refused(f"`{member.filename[:200]}` has `{found[:80]}`")
    except BROKEN as error:
        raise _refused("it cannot be read to its end") from error


def _strange(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[str]:
    name = member.filename.casefold()  # as torch compares them
    if name.partition("/")[2] == "model.json":
        yield "a program of torch 1.0"  # its sources may have any name
    elif name.endswith((".py", ".pkl")):
        text = zip_member.read(archive, member, _LARGEST).decode("latin-1")
        yield from _in_source(text) if name.endswith(".py") else _in_pickle(text)


def _in_source(text: str) -> Iterator[str]:
    if not _SOURCE.fullmatch(text):
        yield "what torch does not write"
    code = _TEXT.sub(lambda part: part[0] if _WORD.fullmatch(part[0]) else '""', text)
    yield from (found.group() for found in _FORBIDDEN.finditer(code))
    yield from (name for name in _CLASS.findall(code) if _is_of_cpp(name))


def _in_pickle(text: str) -> Iterator[str]:
    """The classes of C++, whose names stand in two lines."""
    names = (name for name in _CLASS.findall(text.replace("\n", ".")))
    yield from (name for name in names if name.startswith(_OF_CPP) and _is_of_cpp(name))


def _is_of_cpp(name: str) -> bool:
    """Whether it leads to classes of C++ that are not known for their arithmetic."""
    return f"{name}.".startswith(_OF_CPP[: len(name) + 1]) and not _KNOWN.match(name)


def _refused(why: str) -> NotTrusted:
    return NotTrusted(
        f"The TorchScript program may do more than compute: {why}.",
        hint="Set `security.pickle` to `allow` in the bundlefile, if you know it.",
    )
