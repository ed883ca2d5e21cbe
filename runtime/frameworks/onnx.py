"""ONNX: graphs, run by onnxruntime."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.rows import table
from ..errors import InvalidInput, InvalidModel, NoDevice
from ..manifests.signature import Field, Side, Signature
from . import threads
from .framework import Saved, lineage
from .onnx_graph import file as onnx_file
from .onnx_graph import labels as onnx_labels
from .onnx_graph import numbers as onnx_numbers
from .values import index_refusal

_DTYPES = {
    "float": "float32",
    "double": "float64",
    "float16": "float16",
    "bfloat16": "float32",  # which numpy has for it
    "string": "str",
    "bool": "bool",
} | {f"{sign}int{bits}": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_CUDA = "CUDAExecutionProvider"
_INSTALL = "pip install 'onnxruntime-gpu[cuda,cudnn]'"
_FLOATS = frozenset({"tensor(float)", "tensor(double)"})


class Onnx:
    """A ModelProto, kept as it is, and an InferenceSession to run it."""

    name = "onnx"
    distributions: tuple[str, ...] = ("onnxruntime", "numpy")
    is_typed = True
    extra = "onnxruntime"
    formats: Mapping[str, str] = {"onnx": "model.onnx"}
    executing: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._message: bytes | Path = b""  # of the model that was prepared or loaded

    def matches(self, model: object) -> bool:
        """A ModelProto."""
        return "onnx" in lineage(model) and type(model).__name__ == "ModelProto"

    def reads(self, path: Path) -> str | None:
        """A protobuf message with an IR version, a graph and operator sets."""
        return "onnx" if onnx_file.is_one(path) else None

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> Saved:  # noqa: ARG002
        """Write the message, weights inside."""
        data = _ordered(model).SerializeToString(deterministic=True)
        (directory / "model.onnx").write_bytes(data)
        outside = onnx_file.external_files(directory / "model.onnx")
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
        """An InferenceSession on `device`; its library does not always look where it reads."""
        path = self._message = directory / self.formats[format]
        onnx_file.external_names(path)
        return _session(str(path), device)

    def prepare(self, model: Any) -> Any:
        """A session of the message."""
        self._message = message = model.SerializeToString()
        return _session(message, "cpu")

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

    def classes(self, model: Any, method: str) -> Mapping[int, Sequence[Any]]:  # noqa: ARG002
        """Those that its classifier names: of its labels, and of its scores for each of them."""
        message = self._message
        data = message if isinstance(message, bytes) else onnx_file.mapped(message)
        labels = onnx_labels.found(memoryview(data))
        if not labels:
            return {}
        types = {"tensor(string)" if isinstance(labels[0], str) else "tensor(int64)"}
        outputs = enumerate(model.get_outputs())
        return {place: labels for place, node in outputs if node.type in types or _scores(node)}

    def call(self, model: Any, method: str, batch: Any) -> Any:  # noqa: ARG002
        """Run the graph; several outputs come as a dict by name."""
        feed = _feed(model.get_inputs(), table.stack(batch))
        names = [node.name for node in model.get_outputs()]
        try:
            answers = onnx_numbers.run(model, names, feed)
        except Exception as error:
            refused = index_refusal.refusal(error, feed)
            if refused is None:
                raise
            raise refused from error
        return answers[0] if len(names) == 1 else dict(zip(names, answers, strict=True))


def _ordered(model: Any) -> Any:
    """The message with its operator sets by name: skl2onnx has them in the order of a set."""
    listed = sorted(model.opset_import, key=lambda each: each.domain)
    if listed == list(model.opset_import):
        return model
    ordered = type(model)()
    ordered.CopyFrom(model)
    del ordered.opset_import[:]
    ordered.opset_import.extend(listed)
    return ordered


def _scores(node: Any) -> bool:
    """Whether it has a number for each of something in a row."""
    return node.type in _FLOATS and len(node.shape) == 2  # noqa: PLR2004


def _session(model: str | bytes, device: str) -> Any:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    # An error is raised as well; on a GPU it also says which library is missing, and goes on.
    settings.log_severity_level = 4 if device == "cpu" else 3
    settings.intra_op_num_threads = threads.asked() or 0  # 0: as many as there are cores
    providers = _providers(onnxruntime, device)
    try:
        session = onnxruntime.InferenceSession(model, settings, providers=providers)
    except (RuntimeError, ValueError) as error:
        raise InvalidModel(f"The ONNX graph cannot be run: {error}") from error
    if device != "cpu" and _CUDA not in session.get_providers():
        raise NoDevice(  # it has said why on stderr, and would compute on the CPU
            "onnxruntime cannot use the GPU: the driver, or libraries of CUDA or cuDNN, are "
            "missing or do not fit.",
            hint=f"Install what it was built for with `{_INSTALL}`.",
        )
    return session


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
        dtype = _dtype(node)
        if dtype is None:
            raise InvalidModel(
                f"The graph takes `{node.name}` as {node.type}, which numpy does not have."
            )
        feed[node.name] = value.astype(object if dtype == "str" else dtype, copy=False)
    return feed


def _dtype(node: Any) -> str | None:
    return _DTYPES.get(node.type.removeprefix("tensor(").removesuffix(")"))


def _field(node: Any) -> Field | None:
    """A typed tensor, or None for sequences and maps."""
    dtype = _dtype(node)
    if dtype is None or not node.shape:
        return None
    return Field(node.name, dtype, tuple(s if isinstance(s, int) else None for s in node.shape))


def _providers(onnxruntime: Any, device: str) -> list[Any]:
    if device == "cpu":
        return ["CPUExecutionProvider"]
    if _CUDA not in onnxruntime.get_available_providers():
        raise NoDevice(
            "This onnxruntime cannot use a GPU.",
            hint=f"Run `pip uninstall onnxruntime`, then `{_INSTALL}`.",
        )
    if hasattr(onnxruntime, "preload_dlls"):  # since 1.21
        onnxruntime.preload_dlls()  # CUDA's, out of NVIDIA's wheels: nobody else looks there
    number = int(device.partition(":")[2] or 0)
    return [(_CUDA, {"device_id": number}), "CPUExecutionProvider"]
