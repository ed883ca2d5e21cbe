"""InferForms: caches the form of `ModelInfer` messages, so that it is parsed once.

Clients say the same of their tensors in each call, and send other numbers. Source of the form:
protobuf.dev/programming-guides/encoding; a message followed by the bytes of a field is a message
with that field, whoever put them there.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import protobuf
from ...dialects.tensors.tensor import DTYPES, Tensor

MOST = 256  # forms that are kept
LONGEST = 1 << 10  # bytes of one, without its numbers
LARGEST = 1 << 16  # bytes of a message; `LargeRequest` is for larger ones
TRIES = 8  # forms of one length, at most
_RAW = b"\x3a"  # the tag of raw_input_contents: field 7, with a length


@dataclass(frozen=True, slots=True)
class Input:
    """A tensor whose numbers are at `start:stop` in each message of a form."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int
    stop: int

    def array(self, data: bytes) -> np.ndarray:
        """The numbers in a message, aligned."""
        return np.frombuffer(data[self.start : self.stop], self.dtype).reshape(self.shape)


@dataclass(frozen=True, slots=True)
class Form:
    """The bytes of a request except its numbers.

    marks    the parts between the numbers: offset and bytes
    outputs  names of the requested outputs; empty = all
    """

    model: str
    version: str
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    marks: tuple[tuple[int, bytes], ...]

    def tensors(self, data: bytes) -> list[Tensor]:
        """The inputs of a message of this form."""
        return [Tensor(e.name, e.datatype, e.shape, e.array(data)) for e in self.inputs]


class InferForms:
    """Finds the form of a message among the known ones."""

    def __init__(self, message: Any) -> None:
        self._parse = message.FromString
        self._fields = frozenset({"model_name", "model_version", "inputs", "outputs"})
        self._heads: dict[int, int] = {}  # by the length of a message, that of its head
        self._forms: dict[bytes, Form] = {}
        self._tries: dict[int, int] = {}

    def find(self, data: bytes) -> Form | None:
        """The form of a message, or None if it is not known."""
        size = self._heads.get(len(data))
        form = None if size is None else self._forms.get(data[:size])
        # Forms of other lengths may have as long a head, and what follows its numbers is said, too.
        if form is None or form.inputs[-1].stop != len(data):
            return None
        for start, mark in form.marks:
            if data[start : start + len(mark)] != mark:
                return None
        return form

    def learn(self, data: bytes) -> None:
        """Add the form of a message that protobuf accepts, if it is simple enough."""
        size = len(data)
        tries = self._tries.get(size, 0)
        if size > LARGEST or tries == TRIES:
            return
        if len(self._tries) >= MOST:
            self._tries.clear()
        self._tries[size] = tries + 1
        found = self._read(data)
        if found is None:
            return
        if len(self._forms) >= MOST:
            self._forms.clear()
            self._heads.clear()
        form, head = found
        self._forms[head] = form
        self._heads[size] = len(head)

    def _read(self, data: bytes) -> tuple[Form, bytes] | None:
        """The form of a message, and its head: the bytes before the first number."""
        message = self._parse(data)
        raw, inputs = message.raw_input_contents, message.inputs
        if not inputs or len(raw) != len(inputs) or not all(map(_is_plain, inputs, raw)):
            return None
        parts = [(_mark(len(each)), each) for each in raw]
        tail = b"".join(part for pair in parts for part in pair)
        head = data[: len(data) - len(tail)]
        if head + tail != data or not self._is_head(head, message):
            return None
        marks: list[tuple[int, bytes]] = []
        found: list[Input] = []
        position = len(head)
        for each, (mark, numbers) in zip(inputs, parts, strict=True):
            marks.append((position, mark))
            start = position + len(mark)
            position = start + len(numbers)
            dtype = DTYPES[each.datatype]
            shape = tuple(each.shape)
            found.append(Input(each.name, each.datatype, shape, dtype, start, position))
        names = tuple(each.name for each in message.outputs)
        form = Form(message.model_name, message.model_version, tuple(found), names, tuple(marks))
        return form, head + parts[0][0]

    def _is_head(self, head: bytes, message: Any) -> bool:
        """Whether `head` parses as the message without its numbers."""
        if len(head) > LONGEST or any(each.parameters for each in message.outputs):
            return False
        whole = self._parse(head)
        if {field.name for field, _ in whole.ListFields()} - self._fields:
            return False
        whole.raw_input_contents.extend(message.raw_input_contents)
        return bool(whole.SerializeToString() == message.SerializeToString())


def _is_plain(item: Any, raw: bytes) -> bool:
    """Whether an input has only the numbers of its shape, and no other fields."""
    dtype = DTYPES.get(item.datatype)
    if dtype is None or item.datatype == "BOOL" or item.parameters or item.HasField("contents"):
        return False
    shape = tuple(item.shape)
    if not shape or min(shape) < 1 or len(shape) > 32:  # noqa: PLR2004  what numpy has
        return False
    count = 1
    for each in shape:
        count *= each
    return count * dtype.itemsize == len(raw)


def _mark(size: int) -> bytes:
    """The bytes before the numbers of one tensor."""
    return _RAW + protobuf.encoded(size)
