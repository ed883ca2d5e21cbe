"""Weights: saves and loads a module's tensors in one safetensors file."""

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from ...errors import InvalidModel
from ...pickles import pickling
from ...pickles.policy import Policy
from ..carried_code import unpickler

WEIGHTS = "model.safetensors"
SKELETON = "skeleton.pkl"


def check(model: Any) -> None:
    """Refuse a module whose weights are still to come: each server would make others.

    Raises:
        InvalidModel: with the name of one of them.
    """
    import torch
    from torch.nn.parameter import is_lazy

    if not isinstance(model, torch.nn.Module):
        return
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if is_lazy(tensor):
            raise InvalidModel(
                f"`{name}` has no values yet: the module is lazy, and was never called.",
                hint="Train it, or load its weights, before it is saved.",
            )
        if tensor.is_meta:
            raise InvalidModel(
                f"`{name}` has no values: it is on the device `meta`.",
                hint="Load its weights before it is saved: `load_state_dict(state, assign=True)`.",
            )


def save(tensors: Mapping[str, Any], path: Path) -> dict[str, str]:
    """Write named tensors; returns name -> name for those that are one tensor under two names.

    The file carries no metadata: two keys of it would be written in random order.
    """
    from safetensors.torch import save_file

    shared: dict[str, str] = {}
    first: dict[Any, str] = {}
    storages: set[int] = set()
    kept = {}
    for name, tensor in tensors.items():
        plain = tensor.detach()
        identity = (plain.data_ptr(), plain.shape, plain.stride(), plain.dtype, plain.device)
        if plain.numel() and identity in first:
            shared[name] = first[identity]
            continue
        first[identity] = name
        storage = plain.untyped_storage().data_ptr()
        plain = plain.cpu().contiguous()
        kept[name] = plain.clone() if storage in storages else plain  # views of one storage
        storages.add(storage)
    save_file(kept, path)
    return shared


def load(path: Path, shared: Mapping[str, str], device: str) -> dict[str, Any]:
    """Read what `save` wrote; the file is mapped, not copied, where `device` is the CPU."""
    from safetensors.torch import load_file

    tensors: dict[str, Any] = load_file(path, device=device)
    return tensors | {name: tensors[kept] for name, kept in shared.items()}


def save_skeleton(model: Any, directory: Path) -> dict[str, str]:
    """Pickle a module without its tensors, and the tensors beside it; returns the shared ones."""
    import torch

    names = {id(tensor): name for name, tensor in model.state_dict(keep_vars=True).items()}
    found: dict[str, Any] = {}

    class Pickler(pickling.pickler()):  # type: ignore[misc]
        def persistent_id(self, value: Any) -> tuple[str, str, bool] | None:
            kinds = {torch.Tensor: "tensor", torch.nn.Parameter: "parameter"}
            kind = kinds.get(type(value)) if isinstance(value, torch.Tensor) else None
            if kind is None or value.layout != torch.strided or value.is_quantized:
                return None
            name = names.setdefault(id(value), f"tensor.{len(names)}")
            found[name] = value
            return kind, name, bool(value.requires_grad)

    pickling.dump(model, directory / SKELETON, Pickler)
    return save({name: found[name] for name in sorted(found)}, directory / WEIGHTS)


def load_skeleton(directory: Path, options: Mapping[str, Any], device: str, pickles: Policy) -> Any:
    """Unpickle the module and put its tensors back; `options` as it was saved with."""
    import torch

    tensors = load(directory / WEIGHTS, options.get("shared", {}), device)
    kind = unpickler(directory, options.get("code", ()))

    class Unpickler(kind):  # type: ignore[misc, valid-type]
        def __init__(self, file: IO[bytes]) -> None:
            super().__init__(file)
            self.made: dict[str, Any] = {}

        def persistent_load(self, identity: tuple[str, str, bool]) -> Any:
            kind, name, grad = identity
            if name not in self.made:
                tensor = tensors[name]
                is_parameter = kind == "parameter"
                self.made[name] = torch.nn.Parameter(tensor, grad) if is_parameter else tensor
            return self.made[name]

    return pickles.unpickle(directory / SKELETON, Unpickler)


def with_channels_last(model: Any) -> Any:
    """The module with the weights of its convolutions as its author had them; they are copied."""
    import torch

    return model.to(memory_format=torch.channels_last)
