"""Lock validation: checks the values of a `bundle.lock`, which pip, uv and a Containerfile get.

The file can be edited, and travels with a project, so it is untrusted: text after a line break in a
version would be an option of pip.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..index import bare
from ..target import MACHINES

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._!+-]*")
_HEX = re.compile(r"[0-9a-f]{2,64}")
_PYTHON = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,3}){1,2}")
_WORD = re.compile(r"[^\s\\\"'`]+")


def check(data: Mapping[str, Any]) -> None:
    """Let a document through whose words are what they should be.

    Raises:
        ValueError: naming the one that is not.
        KeyError, TypeError, AttributeError: for a document of another form.
    """
    _fits(_PYTHON, data["python"], "python")
    _platforms(data["platforms"])
    if data["exclude_newer"] is not None:
        _fits(_WORD, data["exclude_newer"], "exclude_newer")
    for index in data["indexes"]:
        _index(index)
    for accelerator, variant in data.get("variants", {"auto": data}).items():
        _line(accelerator, "accelerator")
        _fits(_WORD, variant["input"], "input")
        for text in variant["base"].values():
            _line(text, "base")
    for alias, model in data["models"].items():
        for text in (alias, *model.values()):
            _fits(_WORD, text, "models")
    for package in data["packages"]:
        _package(package)


def _package(package: Mapping[str, Any]) -> None:
    name = _fits(_NAME, package["name"], "name of a package")
    _fits(_VERSION, package["version"], f"version of {name}")
    for file, digest in package["files"].items():
        _fits(_FILE, file, f"file of {name}")
        _fits(_HEX, digest, f"hash of {name}")
    for text in (*package["via"], *package.get("accelerators", ())):
        _line(text, f"asker of {name}")
    _platforms(package.get("platforms", ()))
    if index := package.get("index"):
        _address(index, f"index of {name}")
    if folder := package.get("folder"):
        _line(folder, f"folder of {name}")


def _index(index: str | Mapping[str, Any]) -> None:
    if isinstance(index, str):
        _address(index, "index")
        return
    _address(index["url"], "index")
    for text in (index["name"], *index["packages"]):
        if text:
            _fits(_WORD, text, "name of an index")


def _address(text: Any, what: str) -> None:
    if "://" not in _fits(_WORD, text, what) or not bare(text):
        raise ValueError(f"the {what} is not an address")


def _platforms(given: Iterable[Any]) -> None:
    if isinstance(given, str) or not set(given) <= MACHINES.keys():
        raise ValueError("an unknown platform")


def _line(text: Any, what: str) -> None:
    if not isinstance(text, str) or not text.isprintable():
        raise ValueError(f"the {what} is not a line of text")


def _fits(words: re.Pattern[str], text: Any, what: str) -> str:
    if not isinstance(text, str) or not text.isprintable() or not words.fullmatch(text):
        raise ValueError(f"the {what} is not one")
    return text
