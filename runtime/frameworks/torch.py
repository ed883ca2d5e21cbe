"""PyTorch: modules as safetensors, TorchScript and exported programs as they are."""

import inspect
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..data import table
from ..errors import InvalidInput, InvalidModel
from ..manifest import CODE
from ..signature import Field, Side, Signature
from . import torch_code, torch_files, torch_recipe, torch_weights
from .carried_code import importer
from .framework import Saved, lineage
from .local_code import CannotTravel


class Torch:
    """Modules, called without gradients and in evaluation mode."""

    name = "torch"
    distributions: tuple[str, ...] = ("torch", "numpy")
    is_typed = True
    extra = "torch safetensors"
    formats: Mapping[str, str] = {
        "safetensors": torch_weights.WEIGHTS,
        "skeleton": torch_weights.SKELETON,
        "torchscript": "model.pt",
        "pt2": "model.pt2",
        "pickle": "model.pt",
        "weights": "weights.pt",
    }
    # torch.export.load falls back to unpickling what its safe loader does not know.
    executing = frozenset({"skeleton", "pickle", "pt2"})

    def matches(self, model: object) -> bool:
        """Modules, compiled or scripted ones too, and exported programs."""
        return "torch" in lineage(model) and (
            hasattr(model, "state_dict") and (callable(model) or hasattr(model, "graph_module"))
        )

    def reads(self, path: Path) -> str | None:
        """Which of torch's files it is; "safetensors" and "weights" are weights alone."""
        return torch_files.format_of(path)

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> Saved:
        """Weights apart from the architecture; the latter as a recipe, or else as a pickle.

        The source of the author's own classes goes along with a recipe.
        """
        import torch

        if isinstance(model, torch.jit.ScriptModule):
            with _keeping_quiet():
                torch.jit.save(model, directory / "model.pt")  # the name is part of the bytes
            return Saved("torchscript", ("model.pt",), executes_code=False)
        if isinstance(model, torch.export.ExportedProgram):
            torch.export.save(model, directory / "model.pt2")
            return Saved("pt2", ("model.pt2",), executes_code=True)
        model = getattr(model, "_orig_mod", model)  # torch.compile's wrapper
        recipe = torch_recipe.describe(model, options.get("init"))
        if recipe is None or not _has_plain_weights(model):
            return _save_skeleton(model, directory, "takes more than plain arguments to make")
        try:
            return _save_recipe(recipe, model, directory)
        except CannotTravel as reason:
            return _save_skeleton(model, directory, f"is of your own code, and {reason}")

    def load(
        self, directory: Path, format: str, options: Mapping[str, Any], device: str, pickles: Any
    ) -> Any:
        """Load onto `device`, in evaluation mode."""
        import torch

        path = directory / self.formats[format]
        if format == "torchscript":
            with _keeping_quiet():
                return torch.jit.load(path, map_location=device).eval()
        if format == "pt2":
            with pickles.narrowing(path):
                return _load_exported(path, device)
        if format == "skeleton":
            shared = options.get("shared", {})
            return torch_weights.load_skeleton(directory, shared, device, pickles).eval()
        if format == "pickle":
            with pickles.narrowing(path):
                model = torch.load(path, map_location=device, weights_only=False)
            return _checked(model).eval()
        if format == "weights":
            state = torch.load(path, map_location=device, weights_only=True)
        else:
            state = torch_weights.load(path, options.get("shared", {}), device)
        return _assemble(directory, options, state).to(device).eval()

    def prepare(self, model: Any) -> Any:
        """An exported program's module; any other is one."""
        return model.module() if hasattr(model, "graph_module") else model

    def methods(self, model: Any) -> tuple[str, ...]:  # noqa: ARG002
        """`predict`: the module's own, or else its forward."""
        return ("predict",)

    def signatures(self, model: Any) -> Mapping[str, Signature]:
        """An exported program's inputs; other modules tell nothing."""
        if not _is_exported(model):
            return {}
        given = [_field(node) for node in model.graph.nodes if node.op == "placeholder"]
        fields = tuple(field for field in given if field is not None)
        if not fields or len(fields) != len(given):
            return {}
        inputs = Side("array" if len(fields) == 1 else "tensors", fields)
        batchable = all(field.shape[0] is None for field in fields)
        return {"predict": Signature(inputs, batchable=batchable)}

    def call(self, model: Any, method: str, batch: Any) -> Any:
        """Call it under inference mode; tensors in, arrays out."""
        import torch

        function = getattr(model, method, None) or model
        with torch.inference_mode(), _evaluating(model):
            if isinstance(batch, list):  # nobody said what the numbers are
                batch = _as_floats(model, table.stack(batch))
            answer = _apply(function, _to_tensors(model, batch))
        return to_arrays(answer)


def to_arrays(answer: Any) -> Any:
    """Tensors as ndarrays, through tuples, lists and dicts (bfloat16 as float32)."""
    import torch

    if isinstance(answer, torch.Tensor):
        plain = answer.detach().cpu()
        return (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy()
    if isinstance(answer, Mapping):
        return {name: to_arrays(part) for name, part in answer.items() if part is not None}
    if isinstance(answer, tuple) or (
        isinstance(answer, list) and all(isinstance(part, torch.Tensor) for part in answer)
    ):
        return tuple(map(to_arrays, answer))
    return answer


@contextmanager
def _keeping_quiet() -> Iterator[None]:
    """TorchScript is deprecated; who has such a model cannot mend that by being told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Evaluation mode for the while, each part's own mode afterwards."""
    training = [part for part in model.modules() if part.training]
    if not training or _is_exported(model):
        yield
        return
    try:
        model.eval()
        yield
    finally:
        for part in training:
            part.training = True


def _is_exported(model: Any) -> bool:
    """Whether it is a program's module, whose mode was settled when it was exported."""
    return "train" in vars(model)  # torch puts a refusal there


def _as_floats(model: Any, batch: Any) -> Any:
    """Whole numbers as floats, except where the model looks them up in an embedding."""
    import torch

    embeddings = (torch.nn.Embedding, torch.nn.EmbeddingBag)
    if getattr(batch, "dtype", None) is None or batch.dtype.kind not in "iu":
        return batch
    if any(isinstance(part, embeddings) for part in model.modules()):
        return batch
    return batch.astype("float32")


def _to_tensors(model: Any, batch: Any) -> Any:
    import torch

    first = next((p for p in model.parameters() if p.is_floating_point()), None)
    device = "cpu" if first is None else first.device

    def convert(array: Any) -> Any:
        array = np.asarray(array)
        if array.dtype.kind not in "biuf":
            raise InvalidInput(f"instances: expected numbers, got {array.dtype}.")
        # torch takes no foreign byte order and warns of arrays that it might write to.
        array = np.require(array, array.dtype.newbyteorder("="), ["C", "W"])
        tensor = torch.from_numpy(array)
        if first is not None and tensor.is_floating_point():
            return tensor.to(device=device, dtype=first.dtype)
        return tensor.to(device)

    if isinstance(batch, Mapping):
        return {name: convert(array) for name, array in batch.items()}
    return convert(batch.to_numpy() if hasattr(batch, "to_numpy") else batch)


def _apply(function: Any, tensors: Any) -> Any:
    if not isinstance(tensors, Mapping):
        return function(tensors)
    try:
        accepted = set(inspect.signature(getattr(function, "forward", function)).parameters)
    except (TypeError, ValueError):
        accepted = set()
    named = set(tensors) <= accepted
    return function(**tensors) if named else function(*tensors.values())


def _has_plain_weights(model: Any) -> bool:
    import torch

    return all(
        type(tensor) in {torch.Tensor, torch.nn.Parameter}
        and tensor.layout == torch.strided
        and not tensor.is_complex()
        for tensor in model.state_dict(keep_vars=True).values()
    )


def _save_recipe(recipe: Mapping[str, Any], model: Any, directory: Path) -> Saved:
    recipe, code = torch_code.attach(recipe, model, directory)
    shared = torch_weights.save(model.state_dict(), directory / torch_weights.WEIGHTS)
    options: dict[str, Any] = {"recipe": recipe, "shared": shared}
    if code.files:
        options["code"] = sorted(code.files)
    return Saved(
        "safetensors",
        (torch_weights.WEIGHTS, *(f"{CODE}/{path}" for path in sorted(code.files))),
        executes_code=bool(code.files),
        options=options,
        needs=("safetensors", *sorted(code.imports)),
    )


def _save_skeleton(model: Any, directory: Path, why: str) -> Saved:
    shared = torch_weights.save_skeleton(model, directory)
    note = f"`{type(model).__qualname__}` {why}, so its architecture is kept as a pickle."
    files = (torch_weights.SKELETON, torch_weights.WEIGHTS)
    return Saved("skeleton", files, True, {"shared": shared}, needs=("safetensors",), note=note)


def _assemble(directory: Path, options: Mapping[str, Any], state: Mapping[str, Any]) -> Any:
    if "recipe" not in options:
        raise InvalidModel("The file holds weights alone, without the class that uses them.")
    recipe, modules = options["recipe"], importer(directory, options.get("code", ()))
    model = torch_recipe.sketch(recipe, modules)
    try:
        model.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise InvalidModel(f"The weights do not fit the model's class: {error}") from error
    if any(tensor.is_meta for tensor in model.buffers()):  # buffers that are in no state_dict
        model = torch_recipe.build(recipe, modules)
        model.load_state_dict(state, assign=True)
    return model


def _load_exported(path: Path, device: str) -> Any:
    import torch

    program = torch.export.load(path)
    if device != "cpu":
        from torch.export.passes import move_to_device_pass

        program = move_to_device_pass(program, device)
    return program.module()


def _checked(model: Any) -> Any:
    import torch

    if isinstance(model, torch.nn.Module):
        return model
    raise InvalidModel(f"The file holds a `{type(model).__name__}`, not a torch module.")


def _field(node: Any) -> Field | None:
    value = node.meta.get("val")
    dtype = str(getattr(value, "dtype", "")).removeprefix("torch.")
    if not hasattr(value, "shape") or not value.shape or dtype == "bfloat16":
        return None
    shape = tuple(size if isinstance(size, int) else None for size in value.shape)
    return Field(node.name, dtype, shape)
