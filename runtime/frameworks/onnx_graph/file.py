"""ONNX files: recognizes them, and finds their external weight files.

Field numbers are those of onnx.proto3: github.com/onnx/onnx/blob/main/onnx/onnx.proto3
"""

import mmap
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from ... import protobuf
from ...errors import InvalidModel

_IR_VERSION, _GRAPH, _OPSETS = 1, 7, 8
_EXTERNAL_DATA = 13
_LOCATION = b"location"

# Message -> field -> message in it, down to every tensor: of the graph, of the graphs in its
# nodes, of functions, and of training.
_PARTS: Mapping[str, Mapping[int, str]] = {
    "model": {_GRAPH: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}


def is_one(path: Path) -> bool:
    """Whether it is a protobuf message with an IR version, a graph and operator sets."""
    with path.open("rb") as file:
        if file.read(1) != b"\x08":
            return False
    try:
        numbers = {number for number, _ in protobuf.fields(memoryview(mapped(path)))}
    except ValueError:
        return False
    return {_IR_VERSION, _GRAPH, _OPSETS} <= numbers


def external_names(path: Path) -> list[str]:
    """What the file calls the files beside it that hold weights.

    Raises:
        InvalidModel: when one would be read from elsewhere: that would let a model read any file
            of the machine, and an address in memory as well.
    """
    data = mapped(path)
    names = sorted(set(_locations(memoryview(data)))) if data.find(_LOCATION) >= 0 else []
    for name in names:
        if "/" in name or "\\" in name or name in {"", ".", ".."}:
            raise InvalidModel(f"`{path.name}` keeps weights at `{name}`, outside its directory.")
    return names


def external_files(path: Path) -> list[str]:
    """As `external_names`, of a file that nobody has copied yet.

    Raises:
        InvalidModel: also when one is a link, which may lead anywhere.
    """
    names = external_names(path)
    for name in names:
        place = path.parent / name
        if not place.exists():
            continue
        found = place.lstat()
        if not stat.S_ISREG(found.st_mode):
            kind = "a link" if stat.S_ISLNK(found.st_mode) else "a folder, a pipe or a device"
            raise InvalidModel(f"`{path.name}` keeps weights in `{name}`, which is {kind}.")
        if found.st_nlink > 1:
            raise InvalidModel(
                f"`{path.name}` keeps weights in `{name}`, which is a file of other names as well: "
                "a hard link.",
                hint="If you know it, copy both into a new directory and save that.",
            )
    return names


def mapped(path: Path) -> mmap.mmap:
    """What is in a file; closed with the last slice of it, which an error may still hold."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _locations(model: memoryview) -> list[str]:
    found: list[str] = []
    waiting = [("model", model)]
    try:
        while waiting:
            kind, message = waiting.pop()
            if kind == "tensor":
                found += _places(message)
                continue
            parts = _PARTS[kind]
            for number, value in protobuf.messages(message):
                if number in parts:
                    waiting.append((parts[number], value))
    except (ValueError, TypeError) as error:
        raise InvalidModel(f"The ONNX file is damaged: {error}.") from error
    return found


def _places(tensor: memoryview) -> Iterator[str]:
    for number, value in protobuf.messages(tensor):
        if number == _EXTERNAL_DATA:
            entry = dict(protobuf.messages(value))
            if bytes(entry.get(1, b"")) == _LOCATION:
                yield bytes(entry.get(2, b"")).decode()
