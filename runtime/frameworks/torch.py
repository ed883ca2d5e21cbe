"""PyTorch: modules as safetensors, TorchScript and exported programs as they are."""

import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ..errors import InvalidModel, in_short
from ..manifests.model_manifest import CODE
from ..manifests.signature import Field, Side, Signature
from ..manifests.tuning import Tuning
from . import named_code, threads
from .carried_code import importer
from .framework import Saved, lineage
from .local_code import CannotTravel, gather
from .pytorch import device as torch_device
from .pytorch import files as torch_files
from .pytorch import operators as torch_operators
from .pytorch import program as torch_program
from .pytorch import recipe as torch_recipe
from .pytorch import room as torch_room
from .pytorch import script as torch_script
from .pytorch import source_code as torch_code
from .pytorch import weights as torch_weights
from .pytorch import wrapper as torch_wrapper
from .pytorch.arguments import names_of_exported
from .pytorch.caller import Caller, evaluating, is_channels_last, is_exported
from .pytorch.compile import Compiler


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
    # TorchScript is a program: `torch.save` in it writes any file, in `__setstate__` when it is
    # loaded. torch.export.load falls back to unpickling what its safe loader does not know.
    executing = frozenset({"skeleton", "pickle", "torchscript", "pt2"})

    def __init__(self) -> None:
        # Of what was loaded here; a live module may still be trained, and is looked at each time.
        self._callers: WeakKeyDictionary[Any, Caller] = WeakKeyDictionary()

    def matches(self, model: object) -> bool:
        """Modules, compiled or scripted ones too, and exported programs; none that takes texts."""
        families = lineage(model)
        if "torch" not in families or "sentence_transformers" in families:
            return False
        is_program = hasattr(model, "graph_module")
        return hasattr(model, "state_dict") and (callable(model) or is_program)

    def reads(self, path: Path) -> str | None:
        """Which of torch's files it is; "safetensors" and "weights" are weights alone."""
        return torch_files.format_of(path)

    def names_others(self, options: Mapping[str, Any]) -> bool:
        """Whether the recipe has classes that are not torch's own layers."""
        return "recipe" in options and not torch_recipe.is_of_layers(options["recipe"])

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> Saved:
        """Weights apart from the architecture; the latter as a recipe, or else as a pickle.

        The source of the author's own classes goes along with a recipe.
        """
        import torch

        if isinstance(model, torch.jit.ScriptModule):
            torch_room.check(model.state_dict().values(), directory)
            with _keeping_quiet():
                torch.jit.save(model, directory / "model.pt")  # the name is part of the bytes
            return Saved("torchscript", ("model.pt",), executes_code=True)
        if isinstance(model, torch.export.ExportedProgram):
            return _save_exported(model, directory)
        model = torch_wrapper.within(model)
        recipe = torch_recipe.describe(model, options.get("init"))
        if recipe is None or not _has_plain_weights(model):
            return _save_skeleton(model, directory, torch_recipe.obstacle(model))
        try:
            return _save_recipe(recipe, model, directory)
        except CannotTravel as reason:
            return _save_skeleton(model, directory, f"is of your own code, and {reason}")

    def load(
        self, directory: Path, format: str, options: Mapping[str, Any], device: str, pickles: Any
    ) -> Any:
        """Load onto `device`, in evaluation mode; weights are mapped where they stay on the CPU."""
        torch_device.check(device)
        model = self._loaded(directory, format, options, device, pickles)
        if options.get("memory_format") == "channels_last":
            model = torch_weights.with_channels_last(model)
        self._callers[model] = Caller(model, device=device)
        return model

    def _loaded(
        self, directory: Path, format: str, options: Mapping[str, Any], device: str, pickles: Any
    ) -> Any:
        import torch

        _set_threads()
        path = directory / self.formats[format]
        if format == "torchscript":
            if pickles.mode != "allow":
                torch_script.check(path)
            with _keeping_quiet():
                return torch.jit.load(path, map_location=device).eval()
        if format == "pt2":
            if pickles.mode != "allow":
                torch_program.check(path, options.get("operators", {}))
            modules = importer(directory, options.get("code", ()))
            torch_operators.register(options.get("operators", {}), modules)
            with pickles.narrowing(path, "zip"):
                return _load_exported(path, device)
        if format == "skeleton":
            return torch_weights.load_skeleton(directory, options, device, pickles).eval()
        if format == "pickle":
            with pickles.narrowing(path, "zip", "torch"):
                how = _mapped(path) | torch_files.unpickling(directory, options.get("code", ()))
                model = torch.load(path, map_location=device, weights_only=False, **how)
            return _checked(model).eval()
        if format == "weights":
            if torch_files.format_of(path) != "weights":  # nobody has vouched for anything else
                raise InvalidModel(f"`{path.name}` does not hold weights alone.")
            state = torch.load(path, map_location=device, weights_only=True, **_mapped(path))
        else:
            state = torch_weights.load(path, options.get("shared", {}), device)
        return _assemble(directory, options, state).to(device).eval()

    def prepare(self, model: Any) -> Any:
        """An exported program's module, or the one within a wrapper; any other is one.

        Raises:
            InvalidModel: when it has no weights yet.
        """
        if hasattr(model, "graph_module"):
            return model.module()
        model = torch_wrapper.within(model)
        torch_weights.check(model)
        return model

    def methods(self, model: Any) -> tuple[str, ...]:  # noqa: ARG002
        """`predict`: the module's own, or else its forward."""
        return ("predict",)

    def signatures(self, model: Any) -> Mapping[str, Signature]:
        """An exported program's inputs; other modules tell nothing."""
        if not is_exported(model):
            return {}
        nodes = [node for node in model.graph.nodes if node.op == "placeholder"]
        names = names_of_exported(model)
        given = [_field(*each) for each in zip(names, nodes, strict=True)]
        fields = tuple(field for field in given if field is not None)
        if not fields or len(fields) != len(given):
            return {}
        inputs = Side("array" if len(fields) == 1 else "tensors", fields)
        batchable = all(field.shape[0] is None for field in fields)
        return {"predict": Signature(inputs, batchable=batchable)}

    def call(self, model: Any, method: str, batch: Any) -> Any:
        """Call it under inference mode; tensors in, arrays out."""
        caller = self._callers.get(model)
        if caller is not None:
            return caller.call(method, batch)
        with evaluating(model), _uncompiled():  # a live module: it stays as it was
            return Caller(model).call(method, batch)

    def refusal(self, format: str, tuning: Tuning) -> str | None:
        """What was traced or exported computes as it was traced."""
        if format in {"torchscript", "pt2"}:
            key = "precision" if tuning.precision else "compile"
            kind = "a TorchScript" if format == "torchscript" else "an exported program"
            return f"`{key}` is for modules with their Python code; this one is {kind}."
        return None

    def tune(self, model: Any, tuning: Tuning, device: str) -> Any:
        """Cast the weights, and compile methods when they are first called."""
        import torch

        compiler = Compiler(tuning.compile, device) if tuning.compile else None
        if tuning.precision is not None:
            model = model.to(dtype=getattr(torch, tuning.precision))
        self._callers[model] = Caller(model, compiler, device)
        return model


@contextmanager
def _uncompiled() -> Iterator[None]:
    """What the author compiled, as plain Python: a few rows are not worth a minute of compiling."""
    import torch

    stance = getattr(torch.compiler, "set_stance", None)  # since torch 2.6
    is_anything_compiled = "torch._dynamo" in sys.modules  # to import it takes a second
    with stance("force_eager") if stance and is_anything_compiled else nullcontext():
        yield


@contextmanager
def _keeping_quiet() -> Iterator[None]:
    """TorchScript is deprecated; who has such a model cannot mend that by being told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


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
    options: dict[str, Any] = {"recipe": recipe, "shared": shared} | _layout(model)
    if code.files:
        options["code"] = sorted(code.files)
    return Saved(
        "safetensors",
        (torch_weights.WEIGHTS, *(f"{CODE}/{path}" for path in sorted(code.files))),
        executes_code=not torch_recipe.is_of_layers(recipe),
        options=options,
        needs=("safetensors", *sorted(code.imports)),
    )


def _save_skeleton(model: Any, directory: Path, why: str) -> Saved:
    shared = torch_weights.save_skeleton(model, directory)
    code = named_code.bring(directory / torch_weights.SKELETON)
    note = f"`{type(model).__qualname__}` {why}, so its architecture is kept as a pickle."
    files = [torch_weights.SKELETON, torch_weights.WEIGHTS]
    options: dict[str, Any] = {"shared": shared} | _layout(model)
    if code.files:
        files += [f"{CODE}/{path}" for path in sorted(code.files)]
        options["code"] = sorted(code.files)
    needs = ("safetensors", *sorted(code.imports))
    return Saved("skeleton", tuple(files), True, options, needs=needs, note=note)


def _layout(model: Any) -> dict[str, str]:
    """Files of weights keep no order of axes: it is written down where it is not the usual one."""
    return {"memory_format": "channels_last"} if is_channels_last(model) else {}


def _mapped(path: Path) -> dict[str, Any]:
    """Torch's own files since 1.6 are archives, whose tensors need not be read to be used."""
    with path.open("rb") as file:
        return {"mmap": file.read(4) == b"PK\x03\x04"}  # as torch tells them


def _set_threads() -> None:
    """As many threads as the environment says, even if torch was imported before it did."""
    import torch

    wanted = threads.asked()
    if wanted not in {None, torch.get_num_threads()}:
        torch.set_num_threads(wanted)


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


def _save_exported(program: Any, directory: Path) -> Saved:
    """The program, and the source of what registers its operators."""
    import torch

    operators = torch_operators.of(program)
    try:
        code = gather(sorted(set(operators.values()))).written(directory)
        torch_room.check((*program.state_dict.values(), *program.constants.values()), directory)
        torch.export.save(program, directory / "model.pt2")
    except CannotTravel as error:
        raise InvalidModel(f"The operators of the program cannot be saved: {error}.") from error
    except (ValueError, NotImplementedError, RuntimeError) as error:
        raise InvalidModel(
            f"`torch.export.save` refuses the program: {in_short(error)}.",
            hint="Let `forward` take and answer with tensors, tuples, lists and dicts of them, and "
            "export it again.",
        ) from error
    options: dict[str, Any] = {"operators": operators} if operators else {}
    if code.files:
        options["code"] = sorted(code.files)
    files = ("model.pt2", *(f"{CODE}/{path}" for path in sorted(code.files)))
    return Saved("pt2", files, True, options, needs=tuple(sorted(code.imports)))


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


def _field(name: str, node: Any) -> Field | None:
    value = node.meta.get("val")
    dtype = str(getattr(value, "dtype", "")).removeprefix("torch.")
    if not hasattr(value, "shape") or not value.shape or dtype == "bfloat16":
        return None
    shape = tuple(size if isinstance(size, int) else None for size in value.shape)
    return Field(name, dtype, shape)
