"""BatchAnswer: encodes the answers of all requests of a batch from one array of numbers.

The same bytes as `InferAnswer` writes for each of them, out of one reading of the whole.
"""

import numpy as np
import orjson

from ....data.rows.predictions import is_numeric
from ...reply import Reply
from ...tensors.tensor import DTYPES, Tensor
from .infer_answer import with_binary
from .infer_request import InferRequest

_HEAD = b'{"model_name":%b,"model_version":%b'
_TENSOR = b',"outputs":[{"name":%b,"datatype":"%b","shape":[%%d%b],%%b}]}'


class BatchAnswer:
    """Writes answers that consist of rows of one tensor, which has one value a row at least."""

    def __init__(self, model: str, version: str, tensor: Tensor, array: np.ndarray) -> None:
        name = orjson.dumps(tensor.name).replace(b"%", b"%%")
        sizes = b"".join([b",%d" % size for size in array.shape[1:]])
        self._head = _HEAD % (orjson.dumps(model), orjson.dumps(version))
        self._tensor = _TENSOR % (name, tensor.datatype.encode(), sizes)
        self._name = tensor.name
        self._array = array
        self._texts: list[bytes] = []

    @classmethod
    def of(
        cls, model: str, version: str, tensor: Tensor, *, nan_as_null: bool
    ) -> "BatchAnswer | None":
        """The encoder for the rows of a tensor; None for an unusual one."""
        array = tensor.data
        if not isinstance(array, np.ndarray) or not array.size or not is_numeric(array):
            return None
        if tensor.datatype not in DTYPES:
            return None  # BF16 is float32 in memory, twice its size in the answer
        if array.dtype.kind == "f" and not (
            array.dtype.itemsize > 2 and (nan_as_null or np.isfinite(array).all())  # noqa: PLR2004
        ):
            return None  # half precision has no JSON, nor have they
        return cls(model, version, tensor, np.ascontiguousarray(array))

    def takes(self, request: InferRequest) -> bool:
        """Whether the answer to a request is all of the tensor's rows that are its own."""
        wanted = request.outputs
        return not wanted or (
            len(wanted) == 1
            and wanted[0].name == self._name
            and not wanted[0].classes
            and wanted[0].place is None
        )

    def reply(self, request: InferRequest, start: int, stop: int) -> Reply:
        """The answer to a request with the rows `start:stop`."""
        head = self._head
        if request.id is not None:
            head += b',"id":' + orjson.dumps(request.id)
        wanted = request.outputs[0].is_binary if request.outputs else None
        if request.is_binary if wanted is None else wanted:
            blob = self._array[start:stop].tobytes()
            described = b'"parameters":{"binary_data_size":%d}' % len(blob)
            return with_binary(head + self._tensor % (stop - start, described), blob)
        data = b'"data":[' + self._data(start, stop) + b"]"
        return Reply(head + self._tensor % (stop - start, data))

    def _data(self, start: int, stop: int) -> bytes:
        """The JSON of some rows, cut out of the JSON of all."""
        texts = self._texts
        if not texts:
            texts = self._texts = _texts(self._array)
        return texts[start] if stop - start == 1 else b",".join(texts[start:stop])


def _texts(array: np.ndarray) -> list[bytes]:
    """The values of each row with commas between them."""
    rows = array if array.ndim == 1 else array.reshape(len(array), -1)
    text = orjson.dumps(rows, option=orjson.OPT_SERIALIZE_NUMPY)
    return text[1:-1].split(b",") if rows.ndim == 1 else text[2:-2].split(b"],[")
