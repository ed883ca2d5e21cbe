"""FastInferAnswers: encodes the output of a batch as the answer of each call."""

import asyncio
import logging
from typing import Any

import numpy as np

from ... import protobuf
from ...data.rows import bulk, table
from ...data.rows.predictions import is_numeric
from ...dialects.served import Served
from ...dialects.tensors.output import from_output
from ...dialects.tensors.tensor import DTYPES, Tensor, to_raw
from ...dialects.v2.inference.infer_request import Wanted
from ...models.runner import Queue
from ..dispatcher import Dispatcher
from ..tensors import infer_outputs
from .infer_forms import Form
from .infer_request import PATH, FastInferRequest

log = logging.getLogger(__name__)

_RAW = b"\x32"  # the tag of raw_output_contents: field 6, with a length
_MOST = 256  # heads that are kept


class FastInferAnswers:
    """A Group: one tensor of numbers is cut as bytes; of anything else each is written alone."""

    def __init__(self, served: Served, queue: Queue, dispatcher: Dispatcher, response: Any) -> None:
        self.queue = queue
        self._served = served
        self._dispatcher = dispatcher
        self._response = response
        self._heads: dict[tuple[Any, ...], bytes] = {}
        self._writing: set[asyncio.Task[None]] = set()

    def answer(self, requests: list[FastInferRequest], output: Any, bounds: list[int]) -> None:
        """Encode rows `bounds[i]:bounds[i + 1]` of `output` as the answer to request i."""
        try:
            replies = self._replies(requests, output, bounds)
        except Exception:  # each is tried by itself, and then it is in the log
            log.debug("Answers of %s are written one by one.", PATH, exc_info=True)
            replies = None
        if replies is None:
            for request, start, stop in zip(requests, bounds, bounds[1:], strict=False):
                self._succeed(request, table.slice(output, start, stop))
            return
        for request, reply in zip(requests, replies, strict=True):
            request.tell(reply)
            request.is_told = True
        self._dispatcher.ended(requests, PATH, 200)

    def _succeed(self, request: FastInferRequest, output: Any) -> None:
        """Answer one call; in a task if another process writes the answer."""
        if not bulk.is_large(output) or bulk.is_of_numbers(output):
            request.succeed(output)
            return
        task = asyncio.get_running_loop().create_task(request.succeed_later(output))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def aside(self, request: FastInferRequest, output: Any) -> bytes:
        """As `alone`; another process writes a large answer.

        Raises:
            RequestError: as `alone`; see `work.write`.
        """
        form, served = request.form, self._served
        head = self._response(model_name=form.model, model_version=served.version)
        wanted = [Wanted(name) for name in form.outputs]
        reply = await infer_outputs.offloaded(
            served, request.deadline, head, wanted, output, is_raw=True
        )
        return self.alone(request, output) if reply is None else reply

    def alone(self, request: FastInferRequest, output: Any) -> bytes:
        """The answer to one call, whatever it is made of.

        Raises:
            RequestError: for an output that the model does not have, or one that is none.
        """
        form, served = request.form, self._served
        assert served.signature is not None
        wanted = [Wanted(name) for name in form.outputs]
        outputs = infer_outputs.chosen(served.name, wanted, from_output(served.signature, output))
        response = self._response(model_name=form.model, model_version=served.version)
        for each in outputs:
            response.outputs.add(name=each.name, datatype=each.datatype, shape=each.shape)
            response.raw_output_contents.append(to_raw(each))
        return bytes(response.SerializeToString())

    def _replies(
        self, requests: list[FastInferRequest], output: Any, bounds: list[int]
    ) -> list[bytes] | None:
        signature = self._served.signature
        if signature is None or not isinstance(output, np.ndarray) or not is_numeric(output):
            return None
        (tensor,) = from_output(signature, output)
        dtype = DTYPES.get(tensor.datatype)
        if dtype is None or not output.size or any(_asks(tensor, each.form) for each in requests):
            return None
        data = np.ascontiguousarray(tensor.data, dtype).tobytes()
        width = len(data) // len(output)
        replies = []
        for request, start, stop in zip(requests, bounds, bounds[1:], strict=False):
            head = self._head(request.form, tensor, stop - start)
            replies.append(head + data[start * width : stop * width])
        return replies

    def _head(self, form: Form, tensor: Tensor, rows: int) -> bytes:
        """The bytes of an answer of `rows` rows before its numbers."""
        shape = (rows, *tensor.shape[1:])
        key = (form.model, tensor.name, tensor.datatype, shape)
        head = self._heads.get(key)
        if head is None:
            if len(self._heads) >= _MOST:
                self._heads.clear()
            made = self._response(model_name=form.model, model_version=self._served.version)
            made.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=shape)
            size = np.dtype(DTYPES[tensor.datatype]).itemsize * int(np.prod(shape))
            head = bytes(made.SerializeToString()) + _RAW + protobuf.encoded(size)
            self._heads[key] = head
        return head


def _asks(tensor: Tensor, form: Form) -> bool:
    """Whether a call asks for more than the only output."""
    return bool(form.outputs) and form.outputs != (tensor.name,)
