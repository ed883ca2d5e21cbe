"""DeviceLane: copies batches to a module's device, and its answers back."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from ...errors import InvalidInput

_IMAGES = 4  # axes: rows, channels, height, width


class DeviceLane:
    """Copies to and from one device.

    To a GPU, rows go through pinned memory on a stream of their own; answers come back into pinned
    memory, and only an event of theirs is waited for. Torch keeps the pinned blocks and hands them
    out again by size, once nobody reads them. On a CPU the same steps copy nothing that has the
    right dtype already.
    """

    def __init__(self, device: Any, dtype: Any, *, is_channels_last: bool = False) -> None:
        """Lead to `device`; floats arrive there in `dtype`, None leaves them as they are."""
        import torch

        self._device = torch.device(device)
        self._dtype = dtype
        self._is_channels_last = is_channels_last
        self._is_cuda = self._device.type == "cuda"
        self._copying = torch.cuda.Stream(self._device) if self._is_cuda else None

    def call(self, function: Callable[[Any], Any], batch: Any) -> Any:
        """What `function` answers for a batch on the device, as arrays."""
        answer = function(self._put(batch))
        back, event = each_tensor(answer, self._fetched), self._event()
        if event is not None:
            event.synchronize()
        return to_arrays(back)

    def _put(self, batch: Any) -> Any:
        """The batch as tensors on the device, ready for the stream that computes."""
        import torch

        if self._copying is None:
            return self._each(batch, self._converted)
        with torch.cuda.stream(self._copying):
            tensors = self._each(batch, self._sent)
        computing = torch.cuda.current_stream(self._device)
        computing.wait_stream(self._copying)
        for tensor in tensors.values() if isinstance(tensors, Mapping) else [tensors]:
            tensor.record_stream(computing)
        return tensors

    def _each(self, batch: Any, step: Callable[[Any], Any]) -> Any:
        if isinstance(batch, Mapping):
            return {name: step(as_tensor(part)) for name, part in batch.items()}
        return step(as_tensor(batch.to_numpy() if hasattr(batch, "to_numpy") else batch))

    def _converted(self, tensor: Any) -> Any:
        import torch

        tensor = tensor.to(dtype=self._wanted(tensor))
        if self._is_channels_last and tensor.ndim == _IMAGES:
            return tensor.contiguous(memory_format=torch.channels_last)
        return tensor

    def _sent(self, tensor: Any) -> Any:
        """Converted on the way into pinned memory, in one pass, and sent from there."""
        import torch

        layout = torch.contiguous_format
        if self._is_channels_last and tensor.ndim == _IMAGES:
            layout = torch.channels_last
        dtype = self._wanted(tensor)
        pinned = torch.empty(tensor.shape, dtype=dtype, pin_memory=True, memory_format=layout)
        pinned.copy_(tensor)
        return pinned.to(self._device, non_blocking=True)

    def _wanted(self, tensor: Any) -> Any:
        return self._dtype if self._dtype and tensor.is_floating_point() else tensor.dtype

    def _fetched(self, tensor: Any) -> Any:
        """A tensor on its way into pinned memory."""
        import torch

        if not self._is_cuda:
            return tensor
        pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        return pinned.copy_(tensor.detach(), non_blocking=True)

    def _event(self) -> Any:
        """What has happened when all that was started until now is done; None on a CPU."""
        import torch

        if not self._is_cuda:
            return None
        event = torch.cuda.Event(blocking=True)  # the front needs the processor more than we do
        event.record(torch.cuda.current_stream(self._device))
        return event


def as_tensor(array: Any) -> Any:
    """An array of numbers as a tensor on the CPU that shares its memory where it can.

    Raises:
        InvalidInput: when it holds no numbers.
    """
    import torch

    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise InvalidInput(f"instances: expected numbers, got {array.dtype}.")
    # torch takes no foreign byte order and warns of arrays that it might write to.
    return torch.from_numpy(np.require(array, array.dtype.newbyteorder("="), ["C", "W"]))


def to_arrays(answer: Any) -> Any:
    """Tensors as ndarrays, through tuples, lists and dicts (bfloat16 as float32)."""
    return each_tensor(answer, _to_array)


def _to_array(tensor: Any) -> Any:
    import torch

    plain = tensor.detach().cpu()
    return (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy()


def each_tensor(answer: Any, step: Callable[[Any], Any]) -> Any:
    """An answer in tuples, lists and dicts, with what `step` makes of each of its tensors."""
    import torch

    if isinstance(answer, torch.Tensor):
        return step(answer if answer.layout == torch.strided else _dense(answer))
    if isinstance(answer, tuple) and hasattr(answer, "_asdict"):
        answer = answer._asdict()  # a namedtuple: the author's names for the outputs
    if is_dataclass(answer) and not isinstance(answer, (Mapping, type)):
        answer = {field.name: getattr(answer, field.name) for field in fields(answer)}
    if isinstance(answer, tuple) and any(part is None for part in answer):
        # Without it, all behind it would have the name of another.
        answer = {f"output-{position}": part for position, part in enumerate(answer)}
    if isinstance(answer, Mapping):
        parts = _of_rows(answer) if _is_model_output(answer) else answer
        return {name: each_tensor(part, step) for name, part in parts.items() if part is not None}
    if isinstance(answer, tuple) or (
        isinstance(answer, list) and all(isinstance(part, torch.Tensor) for part in answer)
    ):
        return tuple(each_tensor(part, step) for part in answer)
    return [_row(part, step) for part in answer] if isinstance(answer, list) else answer


def _dense(tensor: Any) -> Any:
    """A sparse tensor as others are; a nested one, whose rows differ in length, as it is."""
    return tensor if tensor.is_nested else tensor.to_dense()


def _is_model_output(answer: Any) -> bool:
    """Whether it is what modules of Hugging Face answer with."""
    return any(kind.__name__ == "ModelOutput" for kind in type(answer).__mro__)


def _of_rows(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Without a loss, which is one number, and the cache that a decoder keeps for its next word."""
    import torch

    return {
        name: part
        for name, part in answer.items()
        if (isinstance(part, torch.Tensor) and part.ndim) or isinstance(part, (tuple, list))
    }


def _row(part: Any, step: Callable[[Any], Any]) -> Any:
    """What a list has of one row, as detectors answer: boxes and labels, as many as there are."""
    if isinstance(part, Mapping):
        return {name: _row(value, step) for name, value in part.items()}
    if isinstance(part, (list, tuple)):
        return [_row(value, step) for value in part]
    return each_tensor(part, step)
