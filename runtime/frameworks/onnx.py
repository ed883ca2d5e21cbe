"""ONNX: graphs, run by onnxruntime."""

import mmap
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..data import table
from ..errors import InvalidInput, InvalidModel, NoDevice
from ..signature import Field, Side, Signature
from . import protobuf, threads
from .framework import Saved, lineage

# Field numbers of onnx.proto3: github.com/onnx/onnx/blob/main/onnx/onnx.proto3
_IR_VERSION, _GRAPH, _OPSETS = 1, 7, 8
_INITIALIZER = 5
_EXTERNAL_DATA = 13
_DTYPES = {
    "float": "float32",
    "double": "float64",
    "float16": "float16",
    "string": "str",
    "bool": "bool",
} | {f"{sign}int{bits}": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}


class Onnx:
    """A ModelProto, kept as it is, and an InferenceSession to run it."""

    name = "onnx"
    distributions: tuple[str, ...] = ("onnxruntime", "numpy")
    is_typed = True
    extra = "onnxruntime"
    formats: Mapping[str, str] = {"onnx": "model.onnx"}
    executing: frozenset[str] = frozenset()

    def matches(self, model: object) -> bool:
        """A ModelProto."""
        return "onnx" in lineage(model) and type(model).__name__ == "ModelProto"

    def reads(self, path: Path) -> str | None:
        """A protobuf message with an IR version, a graph and operator sets."""
        with path.open("rb") as file:
            if file.read(1) != b"\x08":
                return None
        numbers = set(_top_level(path))
        return "onnx" if {_IR_VERSION, _GRAPH, _OPSETS} <= numbers else None

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> Saved:  # noqa: ARG002
        """Write the message, weights inside."""
        data = model.SerializeToString(deterministic=True)
        (directory / "model.onnx").write_bytes(data)
        outside = external_files(directory / "model.onnx")
        if outside:
            raise InvalidModel(
                f"The model keeps weights outside of itself, in `{outside[0]}`.",
                hint="Load them first with `onnx.load(path)`, or save the file itself.",
            )
        return Saved("onnx", ("model.onnx",), executes_code=False)

    def load(
        self,
        directory: Path,
        format: str,
        options: Mapping[str, Any],  # noqa: ARG002
        device: str,
        pickles: Any,  # noqa: ARG002  nothing is pickled
    ) -> Any:
        """An InferenceSession on `device`."""
        return _session(str(directory / self.formats[format]), device)

    def prepare(self, model: Any) -> Any:
        """A session of the message."""
        return _session(model.SerializeToString(), "cpu")

    def methods(self, model: Any) -> tuple[str, ...]:  # noqa: ARG002
        """A graph has one."""
        return ("predict",)

    def signatures(self, model: Any) -> Mapping[str, Signature]:
        """Everything: a graph is typed."""
        inputs = [_field(node) for node in model.get_inputs()]
        outputs = [_field(node) for node in model.get_outputs()]
        known = all(field is not None for field in inputs)
        if not known:
            return {}
        typed = [field for field in outputs if field is not None]
        one = len(inputs) == 1
        stacks = all(field.shape[:1] == (None,) for field in inputs + typed if field)
        ours = Side("array" if one else "tensors", tuple(field for field in inputs if field))
        theirs = Side("objects")
        if len(typed) == len(outputs):
            theirs = Side("array" if len(typed) == 1 else "tensors", tuple(typed))
        return {"predict": Signature(ours, theirs, batchable=stacks)}

    def call(self, model: Any, method: str, batch: Any) -> Any:  # noqa: ARG002
        """Run the graph; several outputs come as a dict by name."""
        feed = _feed(model.get_inputs(), table.stack(batch))
        names = [node.name for node in model.get_outputs()]
        answers = model.run(names, feed)
        return answers[0] if len(names) == 1 else dict(zip(names, answers, strict=True))


def _session(model: str | bytes, device: str) -> Any:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3  # errors only
    settings.intra_op_num_threads = threads.asked() or 0  # 0: as many as there are cores
    providers = _providers(onnxruntime, device)
    try:
        return onnxruntime.InferenceSession(model, settings, providers=providers)
    except (RuntimeError, ValueError) as error:
        raise InvalidModel(f"The ONNX graph cannot be run: {error}") from error


def _feed(nodes: list[Any], batch: Any) -> dict[str, np.ndarray]:
    if hasattr(batch, "columns"):
        batch = {str(name): batch[name].to_numpy() for name in batch.columns}
    if not isinstance(batch, Mapping):
        if len(nodes) > 1:
            names = ", ".join(node.name for node in nodes)
            raise InvalidInput(f"instances: expected objects with the fields {names}.")
        batch = {nodes[0].name: batch}
    feed = {}
    for node in nodes:
        value = np.asarray(batch[node.name])
        if value.ndim == 1 and len(node.shape) == 2 and node.shape[1] == 1:  # noqa: PLR2004
            value = value.reshape(-1, 1)  # skl2onnx makes a column of each DataFrame column
        dtype = _DTYPES.get(node.type.removeprefix("tensor(").removesuffix(")"), "object")
        feed[node.name] = value.astype(object if dtype == "str" else dtype, copy=False)
    return feed


def _field(node: Any) -> Field | None:
    """A typed tensor, or None for sequences and maps."""
    dtype = _DTYPES.get(node.type.removeprefix("tensor(").removesuffix(")"))
    if dtype is None or not node.shape:
        return None
    return Field(node.name, dtype, tuple(s if isinstance(s, int) else None for s in node.shape))


def _providers(onnxruntime: Any, device: str) -> list[Any]:
    if device == "cpu":
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise NoDevice(
            "This onnxruntime cannot use a GPU.",
            hint="Install it with `pip install onnxruntime-gpu`.",
        )
    number = int(device.partition(":")[2] or 0)
    return [("CUDAExecutionProvider", {"device_id": number}), "CPUExecutionProvider"]


def _top_level(path: Path) -> list[int]:
    """The field numbers of the outermost message; none when it is not one."""
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        memoryview(data) as view,
    ):
        try:
            # Values are slices of the map, which cannot close while one is held.
            return [number for number, _ in protobuf.fields(view)]
        except ValueError:
            return []


def external_files(path: Path) -> list[str]:
    """Names of the files beside `path` that hold weights of its graph.

    Raises:
        InvalidModel: when one is not a plain file in the same directory. A location out of the
            directory, or a link, would let a model read any file of the machine.
    """
    data = path.read_bytes()
    names = sorted(set(_locations(memoryview(data))))
    for name in names:
        place = path.parent / name
        if "/" in name or "\\" in name or name in {"", ".", ".."}:
            raise InvalidModel(f"`{path.name}` keeps weights at `{name}`, outside its directory.")
        if place.exists() and not _is_plain(place):
            raise InvalidModel(f"`{path.name}` keeps weights in `{name}`, which is a link.")
    return names


def _is_plain(path: Path) -> bool:
    status = path.lstat()
    return stat.S_ISREG(status.st_mode)


def _locations(model: memoryview) -> list[str]:
    try:
        return [
            bytes(entry[2]).decode()
            for graph in _messages(model, _GRAPH)
            for tensor in _messages(graph, _INITIALIZER)
            for external in _messages(tensor, _EXTERNAL_DATA)
            if (entry := dict(protobuf.fields(external))) and _text(entry.get(1)) == "location"
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidModel(f"The ONNX file is damaged: {error}.") from error


def _text(value: object) -> str:
    return bytes(value).decode() if isinstance(value, memoryview) else ""


def _messages(data: memoryview, wanted: int) -> list[memoryview]:
    return [
        value
        for number, value in protobuf.fields(data)
        if number == wanted and isinstance(value, memoryview)
    ]
